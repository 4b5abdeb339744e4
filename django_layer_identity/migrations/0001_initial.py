from __future__ import annotations

import datetime

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import django_layer_identity.models.user


class Migration(migrations.Migration):
    # Migrations of versions that were never released.
    replaces = [
        ("layer_identity", "0001_apps_and_keys"),
        ("layer_identity", "0002_key_lives"),
        ("layer_identity", "0003_spent_nonces"),
        ("layer_identity", "0004_ledger"),
    ]
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="LayerApp",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        help_text="Shown to your staff only.",
                        max_length=100,
                        verbose_name="name",
                    ),
                ),
                (
                    "app_id",
                    models.UUIDField(
                        help_text="A UUID that you make up, or the one from Layer's dashboard. Clients may send it in requests.",
                        unique=True,
                        verbose_name="app ID",
                    ),
                ),
                (
                    "environment",
                    models.CharField(
                        choices=[("staging", "staging"), ("production", "production")],
                        default="production",
                        max_length=10,
                        verbose_name="environment",
                    ),
                ),
                (
                    "provider_id",
                    models.UUIDField(
                        help_text="Another UUID that you make up, or the one from Layer's dashboard. Tokens contain it as their issuer.",
                        verbose_name="provider ID",
                    ),
                ),
                (
                    "enabled",
                    models.BooleanField(
                        default=True,
                        help_text="Users of a disabled app get no tokens. Clients are told that the app is unknown.",
                        verbose_name="enabled",
                    ),
                ),
                (
                    "token_lifetime",
                    models.DurationField(
                        blank=True,
                        help_text="30 seconds to 24 hours. Leave empty to use the TOKEN_LIFETIME setting.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(
                                datetime.timedelta(seconds=30),
                                "A token must live at least 30 seconds.",
                            ),
                            django.core.validators.MaxValueValidator(
                                datetime.timedelta(days=1),
                                "A token must live at most 24 hours.",
                            ),
                        ],
                        verbose_name="token lifetime",
                    ),
                ),
                (
                    "frozen_at",
                    models.DateTimeField(
                        editable=False, null=True, verbose_name="IDs frozen at"
                    ),
                ),
            ],
            options={
                "verbose_name": "Layer app",
                "verbose_name_plural": "Layer apps",
                "permissions": [
                    ("explain_identity_token", "Can explain identity tokens"),
                    ("try_identity_token", "Can try identity tokens"),
                    (
                        "try_identity_token_for_others",
                        "Can try identity tokens for other users",
                    ),
                    (
                        "view_identity_token_signature",
                        "Can view signatures of tried identity tokens",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("token_lifetime__isnull", True),
                            models.Q(
                                ("token_lifetime__gt", datetime.timedelta(0)),
                                ("token_lifetime__lte", datetime.timedelta(days=1)),
                            ),
                            _connector="OR",
                        ),
                        name="layer_identity_app_token_lifetime",
                        violation_error_message="The token lifetime must be more than zero and at most 24 hours.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="LayerUser",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                (
                    "user_id",
                    models.CharField(
                        blank=True,
                        help_text="Cleared when its user is deleted; the digest is kept.",
                        max_length=128,
                        verbose_name="Layer user ID",
                    ),
                ),
                ("digest", models.CharField(max_length=64, verbose_name="digest")),
                (
                    "created_at",
                    models.DateTimeField(
                        auto_now_add=True, verbose_name="first given at"
                    ),
                ),
                (
                    "reassigned_at",
                    models.DateTimeField(null=True, verbose_name="reassigned at"),
                ),
                (
                    "reassignment_reason",
                    models.CharField(blank=True, max_length=200, verbose_name="reason"),
                ),
                (
                    "app",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="users",
                        to="layer_identity.layerapp",
                        verbose_name="Layer app",
                    ),
                ),
                (
                    "current_for",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="current for",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        null=True,
                        on_delete=django_layer_identity.models.user.clear_owner,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "Layer user",
                "verbose_name_plural": "Layer users",
                "permissions": [
                    ("reassign_layeruser", "Can reassign Layer user IDs"),
                    ("rename_layeruser", "Can change Layer user ID"),
                ],
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("app", "digest"), name="layer_identity_user_digest"
                    ),
                    models.UniqueConstraint(
                        fields=("current_for", "app"),
                        name="layer_identity_user_current",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("current_for__isnull", True),
                            models.Q(
                                ("current_for", models.F("owner")),
                                ("owner__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="layer_identity_user_owner",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SigningKey",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                (
                    "key_id",
                    models.UUIDField(
                        blank=True,
                        help_text="A UUID that you make up, or the one that Layer's dashboard showed beside the public key.",
                        null=True,
                        verbose_name="key ID",
                    ),
                ),
                (
                    "fingerprint",
                    models.CharField(
                        editable=False, max_length=64, verbose_name="fingerprint"
                    ),
                ),
                (
                    "public_key",
                    models.TextField(editable=False, verbose_name="public key"),
                ),
                (
                    "bits",
                    models.PositiveSmallIntegerField(
                        editable=False, verbose_name="bits"
                    ),
                ),
                (
                    "signer",
                    models.CharField(
                        blank=True,
                        editable=False,
                        max_length=100,
                        verbose_name="signer",
                    ),
                ),
                (
                    "encrypted_private_key",
                    models.TextField(
                        blank=True, editable=False, verbose_name="encrypted private key"
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(auto_now_add=True, verbose_name="created at"),
                ),
                (
                    "tested_at",
                    models.DateTimeField(
                        editable=False, null=True, verbose_name="tested at"
                    ),
                ),
                (
                    "activated_at",
                    models.DateTimeField(
                        editable=False, null=True, verbose_name="activated at"
                    ),
                ),
                (
                    "last_used_at",
                    models.DateTimeField(
                        editable=False, null=True, verbose_name="last used at"
                    ),
                ),
                (
                    "retired_at",
                    models.DateTimeField(
                        editable=False, null=True, verbose_name="retired at"
                    ),
                ),
                (
                    "revoked_at",
                    models.DateTimeField(
                        editable=False, null=True, verbose_name="revoked at"
                    ),
                ),
                (
                    "revocation_reason",
                    models.CharField(
                        blank=True,
                        editable=False,
                        max_length=200,
                        verbose_name="reason for the revocation",
                    ),
                ),
                (
                    "destroyed_at",
                    models.DateTimeField(
                        editable=False,
                        null=True,
                        verbose_name="private key destroyed at",
                    ),
                ),
                (
                    "active_for",
                    models.OneToOneField(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="active_key",
                        to="layer_identity.layerapp",
                        verbose_name="active for",
                    ),
                ),
                (
                    "app",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="keys",
                        to="layer_identity.layerapp",
                        verbose_name="Layer app",
                    ),
                ),
            ],
            options={
                "verbose_name": "signing key",
                "verbose_name_plural": "signing keys",
                "permissions": [
                    ("activate_signingkey", "Can activate signing key"),
                    ("retire_signingkey", "Can retire signing key"),
                    ("revoke_signingkey", "Can revoke signing key"),
                    ("destroy_signingkey", "Can destroy private key of signing key"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("app", "fingerprint"),
                        name="layer_identity_key_fingerprint",
                        violation_error_message="The Layer app already has this key: the public key is the same.",
                    ),
                    models.UniqueConstraint(
                        fields=("app", "key_id"),
                        name="layer_identity_key_key_id",
                        violation_error_message="Another key of this Layer app has this key ID.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("active_for__isnull", True),
                            models.Q(
                                ("active_for", models.F("app")),
                                ("destroyed_at__isnull", True),
                                ("key_id__isnull", False),
                                ("retired_at__isnull", True),
                                ("revoked_at__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="layer_identity_key_active",
                        violation_error_message="This key cannot be active.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("encrypted_private_key", ""),
                            models.Q(
                                ("destroyed_at__isnull", True),
                                ("revoked_at__isnull", True),
                                ("signer", ""),
                            ),
                            _connector="OR",
                        ),
                        name="layer_identity_key_private_half",
                        violation_error_message="A revoked key, a key in a signing backend or a key whose private key was destroyed must not store a private key.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SpentNonce",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("digest", models.CharField(max_length=64, verbose_name="digest")),
                ("owner", models.CharField(max_length=64, verbose_name="owner")),
                (
                    "expires_at",
                    models.DateTimeField(db_index=True, verbose_name="expires at"),
                ),
                (
                    "app",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="layer_identity.layerapp",
                        verbose_name="Layer app",
                    ),
                ),
            ],
            options={
                "verbose_name": "spent nonce",
                "verbose_name_plural": "spent nonces",
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("app", "digest"), name="layer_identity_nonce_digest"
                    )
                ],
            },
        ),
    ]
