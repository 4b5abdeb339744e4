"""Audit entries, in a tester's words."""

from __future__ import annotations

from django_layer_identity.audit.models import AuditEntry

FACTS = (
    "code",
    "user_pk",
    "impersonator_pk",
    "app_id",
    "fingerprint",
    "nonce_digest",
    "address",
)


def recorded():
    """Return what the entries say, in the order in which they were written."""
    return [
        {name: value for name in FACTS if (value := getattr(entry, name))}
        for entry in AuditEntry.objects.order_by("pk")
    ]


def codes():
    return [entry["code"] for entry in recorded()]
