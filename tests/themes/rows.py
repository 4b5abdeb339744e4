"""Rows of each kind and with long texts; run once by a process of the project."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from django_layer_identity import issuing, keyring
from django_layer_identity.audit.models import AuditEntry
from django_layer_identity.models import LayerApp, SigningKey
from tests.key_pairs import load_private_key

KEY_ID = "cccccccc-0000-4000-8000-00000000000{}"
NAMES = ("Messenger", "Chat for customers and branches of the Copenhagen shop (test)")


def create() -> None:
    User.objects.create_superuser("root", password="root")
    for number, name in enumerate(NAMES):
        LayerApp.objects.create(
            name=name,
            app_id=f"aaaaaaaa-0000-4000-8000-00000000000{number}",
            provider_id="bbbbbbbb-0000-4000-8000-000000000002",
            environment=["production", "staging"][number],
        )
    app, other = LayerApp.objects.order_by("pk")
    create_keys(app)
    create_users(app)
    draft = SigningKey.from_private_key(other, load_private_key("third"))
    draft.save()


def create_keys(app: LayerApp) -> None:
    """Create a key in each state; the primary keys are 1 to 5."""
    draft = SigningKey.from_private_key(app, load_private_key("first"))
    draft.save()
    for number in range(1, 5):
        keyring.generate_private_key(app, key_id=KEY_ID.format(number))
    _ready, retired, active, revoked = SigningKey.objects.filter(pk__gt=1)
    retired.activate()
    active.activate()
    revoked.revoke("A laptop with a copy of the private key was stolen in Copenhagen.")


def create_users(app: LayerApp) -> None:
    """Create entries of the ledger, and entries of the audit trail in each hour."""
    for name in ("alice", "a.very.long.name.of.a.user@customers.example.com", "bob"):
        user = User.objects.create_user(name)
        issuing.issue_identity_token(user, f"a nonce of {name}", app=app)
    user.delete()
    now = timezone.now()
    for hours in range(24):
        code = "issued" if hours % 3 else "nonce_guard_unavailable"
        entry = AuditEntry.objects.create(
            code=code,
            user_pk="2",
            app_id=str(app.identifier),
            fingerprint=app.active_key.fingerprint,
            nonce_digest="0" * 32,
            address="2001:db8:1234:5678:9abc:def0:1234:5678",
        )
        AuditEntry.objects.filter(pk=entry.pk).update(
            created_at=now - timedelta(hours=hours)
        )
