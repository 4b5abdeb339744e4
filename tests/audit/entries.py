"""Audit entries, in a tester's words."""

from __future__ import annotations

from django.db import connections

from django_layer_identity.audit.models import AuditEntry
from tests.internals import run_in_audit_thread

FACTS = ("code", "user_pk", "app_id", "fingerprint", "nonce_digest", "address")


def recorded():
    """Return what the entries say, in the order in which they were written."""
    return [
        {name: value for name in FACTS if (value := getattr(entry, name))}
        for entry in AuditEntry.objects.order_by("pk")
    ]


def codes():
    return [entry["code"] for entry in recorded()]


def hang_up():
    """Close the writer's connection to SQLite in memory, which Django leaves open."""
    run_in_audit_thread(_close)


def _close():
    wrapper = connections["default"]
    if wrapper.connection is not None:
        wrapper.connection.close()
        wrapper.connection = None
