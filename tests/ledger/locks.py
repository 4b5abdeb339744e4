"""Record which statements lock a user's row or write to the ledger, in order."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_layer_identity.models import LayerUser

CLAUSE = "/* FOR UPDATE */"  # SQLite cannot lock rows, but reads comments


@pytest.fixture
def row_locks(monkeypatch):
    """Make Django treat SQLite as a database with row locks."""
    monkeypatch.setattr(connection.features, "has_select_for_update", True)
    monkeypatch.setattr(connection.ops, "for_update_sql", lambda **options: CLAUSE)


def locks_and_writes(operation):
    """Return "lock" for each lock of a user and "write" for each write to the ledger."""
    with CaptureQueriesContext(connection) as queries:
        operation()
    kinds = (_kind(query["sql"]) for query in queries)
    return [kind for kind in kinds if kind]


def _kind(sql):
    if CLAUSE in sql and f'FROM "{get_user_model()._meta.db_table}"' in sql:
        return "lock"
    if sql.startswith(("INSERT", "UPDATE")) and LayerUser._meta.db_table in sql:
        return "write"
    return None
