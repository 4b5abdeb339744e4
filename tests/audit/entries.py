"""Read the audit entries in tests."""

from __future__ import annotations

from django_layer_identity.audit.models import AuditEntry

FIELDS = (
    "code",
    "user_pk",
    "impersonator_pk",
    "app_id",
    "fingerprint",
    "nonce_digest",
    "address",
)


def recorded():
    """Return the values of the entries in the order of writing."""
    return [
        {name: value for name in FIELDS if (value := getattr(entry, name))}
        for entry in AuditEntry.objects.order_by("pk")
    ]


def codes():
    return [entry["code"] for entry in recorded()]
