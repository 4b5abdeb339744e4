"""The compiled query of the token path, with each user model."""

from __future__ import annotations

from unittest.mock import Mock

from django.db.models.sql.compiler import SQLCompiler

from django_layer_identity.issuing import warm_keys
from django_layer_identity.models.issuing import get_for_issuing
from tests.ledger.users import issued_id
from tests.rows import fields_of, stored_rows


def test_warm_keys_compiles_the_query(key, create_user, monkeypatch):
    alice, bob = create_user("alice@example.com"), create_user("bob@example.com")
    app = key.app
    issued_id(alice)
    expected = stored_rows(app, alice)
    warm_keys()
    refuse = Mock(side_effect=AssertionError("compiled"))
    monkeypatch.setattr(SQLCompiler, "as_sql", refuse)

    row = get_for_issuing(app, alice.pk)

    assert fields_of(row.app, row.key, row.entry) == expected
    assert get_for_issuing(app, bob.pk).entry is None
