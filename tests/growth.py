"""Fill the tables as they are after years: many Layer apps, keys, users and entries."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.contrib.auth.models import User
from django.utils import timezone

from django_layer_identity.audit.models import AuditEntry
from django_layer_identity.audit.statistics import count_by_hour
from django_layer_identity.digests import user_id_digest
from django_layer_identity.models import LayerApp, LayerUser, SigningKey
from django_layer_identity.models.issuing import get_for_issuing
from tests.conftest import PROVIDER_ID
from tests.key_pairs import load_private_key

#: What must not take longer with more rows, and the indexes that find its rows.
PLANS = {
    "app, key and entry for a token": [
        "layer_identity_layerapp (app_id)",
        "layer_identity_layeruser (current_for_id, app_id)",
        "layer_identity_signingkey (active_for_id)",
    ],
    "entry of a Layer user ID": ["layer_identity_layeruser (app_id, digest)"],
    "current entry of a user": ["layer_identity_layeruser (current_for_id, app_id)"],
    "active key": ["layer_identity_signingkey (active_for_id)"],
    "audit entries of a user": [
        "layer_identity_audit_auditentry (user_pk, created_at)"
    ],
    "audit entries to delete": ["layer_identity_audit_auditentry (created_at)"],
    "audit entries of the last 24 hours": [
        "layer_identity_audit_auditentry (created_at)"
    ],
    "outcomes that occur": ["layer_identity_audit_auditentry (code, created_at)"],
    "keys that occur": ["layer_identity_audit_auditentry (fingerprint, created_at)"],
}
BATCH = 5000
CODES = ["issued"] * 7 + ["user_id_taken", "nonce_already_used", "user_id_mismatch"]
PERIOD = timedelta(days=30)  # of the audit trail


def fill(*, apps, keys, rows):
    """
    Fill the empty tables of the database that the router chooses.

    Each app has an active key, and all other keys are retired. There are as many users,
    ledger entries and audit entries as rows; user 7 has the Layer user ID ``user7``.
    """
    created = LayerApp.objects.bulk_create(
        LayerApp(name=f"App {n}", app_id=UUID(int=n + 1), provider_id=PROVIDER_ID)
        for n in range(apps)
    )
    active = [_active_key(app) for app in created]
    SigningKey.objects.bulk_create(active, batch_size=500)
    retired = (_retired_key(active[n % apps], n) for n in range(keys - apps))
    SigningKey.objects.bulk_create(retired, batch_size=500)
    for first in range(0, rows, BATCH):
        numbers = range(first, min(first + BATCH, rows))
        names = [f"user{n}" for n in numbers]
        users = User.objects.bulk_create(User(username=name) for name in names)
        owned = [
            (user, active[n // 7 % apps])
            for n, user in zip(numbers, users, strict=True)
        ]
        LayerUser.objects.bulk_create(_entry(user, key) for user, key in owned)
        AuditEntry.objects.bulk_create(
            _audit_entry(n, rows, user, key)
            for n, (user, key) in zip(numbers, owned, strict=True)
        )


def look_ups(entry):
    """Return the functions that do what :data:`PLANS` lists."""
    app, user, now = entry.app, entry.owner, timezone.now()
    using, trail = entry._state.db, AuditEntry.objects
    calls = [
        lambda: get_for_issuing(str(app.app_id), user.pk),
        lambda: LayerUser.objects.find(app, entry.user_id),
        lambda: LayerUser.objects.current(app, user.pk),
        lambda: SigningKey.objects.get_active_pk(app.pk, using),
        lambda: list(trail.filter(user_pk=user.pk).order_by("-created_at")),
        lambda: trail.purge(now - PERIOD),
        lambda: count_by_hour(trail.all(), now),
        lambda: trail.occurring("code"),
        lambda: trail.occurring("fingerprint"),
    ]
    return dict(zip(PLANS, calls, strict=True))


def _active_key(app):
    pair = load_private_key("first")
    key = SigningKey.from_private_key(app, pair, key_id=UUID(int=2**64))
    key.active_for = app
    key.tested_at = key.activated_at = timezone.now()
    return key


def _retired_key(active, number):
    names = ("app", "public_key", "bits", "encrypted_private_key", "tested_at")
    return SigningKey(
        key_id=UUID(int=2**65 + number),
        fingerprint=f"{number:064x}",
        activated_at=active.activated_at,
        retired_at=active.activated_at,
        **{name: getattr(active, name) for name in names},
    )


def _entry(user, key):
    return LayerUser(
        app=key.app,
        user_id=user.username,
        digest=user_id_digest(user.username),
        owner=user,
        current_for=user,
    )


def _audit_entry(number, rows, user, key):
    return AuditEntry(
        created_at=timezone.now() - PERIOD * number / rows,
        code=CODES[number % len(CODES)],
        user_pk=str(user.pk),
        app_id=str(key.app.identifier),
        fingerprint=user_id_digest(f"key {number % 10_000}"),
        nonce_digest=user_id_digest(f"nonce {number}"),
        address="192.0.2.7",
    )
