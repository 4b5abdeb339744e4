from __future__ import annotations

import datetime

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

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
                        help_text="For the people who work here.",
                        max_length=100,
                        verbose_name="name",
                    ),
                ),
                (
                    "app_id",
                    models.UUIDField(
                        help_text="From Layer's dashboard; clients name it in their requests.",
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
                        help_text="From Layer's dashboard; names who signs.",
                        verbose_name="provider ID",
                    ),
                ),
                (
                    "enabled",
                    models.BooleanField(
                        default=True,
                        help_text="A disabled app gets no tokens; clients are told it is unknown.",
                        verbose_name="enabled",
                    ),
                ),
                (
                    "token_lifetime",
                    models.DurationField(
                        blank=True,
                        help_text="Empty for the project's setting; at most 24 hours.",
                        null=True,
                        verbose_name="token lifetime",
                    ),
                ),
            ],
            options={
                "verbose_name": "Layer app",
                "verbose_name_plural": "Layer apps",
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
                        violation_error_message="A token lives for at most 24 hours.",
                    )
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
                        help_text="From Layer's dashboard; it is shown beside the public key there.",
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
                    "activated_at",
                    models.DateTimeField(
                        editable=False, null=True, verbose_name="activated at"
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
                "constraints": [
                    models.UniqueConstraint(
                        fields=("app", "fingerprint"),
                        name="layer_identity_key_fingerprint",
                        violation_error_message="This key is there already: its public half is the same.",
                    ),
                    models.UniqueConstraint(
                        fields=("app", "key_id"),
                        name="layer_identity_key_key_id",
                        violation_error_message="Another key of this app has this key ID.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("active_for__isnull", True),
                            models.Q(
                                ("active_for", models.F("app")),
                                ("key_id__isnull", False),
                                ("revoked_at__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="layer_identity_key_active",
                        violation_error_message="This key cannot be active.",
                    ),
                ],
            },
        ),
    ]
