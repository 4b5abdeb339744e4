"""The query of the token path is compiled once and returns what a queryset returns."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from inspect import getinnerframes

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import SynchronousOnlyOperation
from django.db.models import Value
from django.db.models.sql.compiler import SQLCompiler

from django_layer_identity import ledger
from django_layer_identity.exceptions import AppUnknown
from django_layer_identity.issuing import warm_keys
from django_layer_identity.models import LayerApp, LayerUser, SigningKey
from django_layer_identity.models.compiled import CompiledQuery
from django_layer_identity.models.issuing import get_for_issuing
from tests.conftest import APP_ID, OTHER_KEY_ID, PROVIDER_ID
from tests.rows import fields_of, stored_rows


@pytest.fixture
def compiled(monkeypatch):
    """Return the queries that Django compiles during the test."""
    queries = []
    as_sql = SQLCompiler.as_sql

    def record(compiler, *args, **kwargs):
        queries.append(compiler.query)
        return as_sql(compiler, *args, **kwargs)

    monkeypatch.setattr(SQLCompiler, "as_sql", record)
    return queries


def test_warm_keys_compiles_both_queries(app, alice, compiled):
    warm_keys()
    compiled.clear()

    get_for_issuing(None, alice.pk)
    get_for_issuing(app, alice.pk)

    assert compiled == []


@pytest.mark.parametrize("wanted", [None, str(APP_ID)], ids=["only app", "app ID"])
def test_each_field_has_the_value_and_type_that_a_queryset_gives(key, alice, wanted):
    LayerApp.objects.update(token_lifetime=timedelta(seconds=90))
    ledger.rename(key.app, alice, "Ålice")

    for _ in range(2):
        row = get_for_issuing(wanted, alice.pk)

        assert fields_of(row.app, row.key, row.entry) == stored_rows(key.app, alice)


def test_without_key_and_entry_both_are_none(app, alice):
    row = get_for_issuing(None, alice.pk)

    assert (row.app, row.key, row.entry) == (app, None, None)


def test_objects_can_be_saved_to_the_database_from_which_they_were_read(key, alice):
    ledger.rename(key.app, alice, "alice")

    row = get_for_issuing(None, alice.pk)

    for found in (row.app, row.key, row.entry):
        assert (found._state.adding, found._state.db) == (False, "default")
        found.save()


def test_the_app_does_not_carry_the_key_or_the_entry(key, alice):
    ledger.rename(key.app, alice, "alice")

    row = get_for_issuing(None, alice.pk)

    assert row.app._state.fields_cache == {}
    assert "entry" not in vars(row.app)


def test_each_use_reads_the_rows_again(key, alice):
    get_for_issuing(None, alice.pk)
    ledger.rename(key.app, alice, "alice")
    key.retire()

    row = get_for_issuing(None, alice.pk)

    assert row.key is None
    assert row.entry == LayerUser.objects.get()


def test_each_use_has_values_of_its_own(key, alice):
    other = LayerApp.objects.create(
        name="Other", app_id=OTHER_KEY_ID, provider_id=PROVIDER_ID
    )
    bob = User.objects.create(username="bob")
    ledger.rename(other, bob, "bob")

    found = [
        get_for_issuing(app, user.pk)
        for app in (key.app, other)
        for user in (alice, bob)
    ]

    assert [row.app for row in found] == [key.app, key.app, other, other]
    assert [row.key for row in found] == [key, key, None, None]
    assert [row.entry for row in found] == [None, None, None, LayerUser.objects.get()]


def test_nothing_is_compiled_after_the_first_use(key, alice, compiled):
    for _ in range(2):
        get_for_issuing(None, alice.pk)
        get_for_issuing(key.app, alice.pk)
    compiled.clear()

    get_for_issuing(None, alice.pk)
    get_for_issuing(key.app, alice.pk)

    assert compiled == []


def test_an_event_loop_is_refused_as_by_a_queryset(key, alice):
    get_for_issuing(None, alice.pk)

    async def read():
        get_for_issuing(None, alice.pk)

    with pytest.raises(SynchronousOnlyOperation):
        asyncio.run(read())


def names_like(name, first):
    users = User.objects.filter(username=name, first_name=first)
    return users.annotate(constant=Value("x")).values_list("username", "constant")


FIELDS = [User._meta.get_field(name) for name in ("username", "first_name")]


def test_parameters_are_found_in_any_order_and_among_others(alice, compiled):
    query = CompiledQuery(names_like, *FIELDS)
    assert query.rows("default", "alice", "Alice") == [["alice", "x"]]
    compiled.clear()

    assert query.rows("default", "alice", "Bob") == []
    assert query.rows("default", "alice", "Alice") == [["alice", "x"]]
    assert compiled == []


@pytest.mark.parametrize("values", [("alice", "alice"), ("x", "Alice")])
def test_values_that_cannot_be_told_apart_are_run_by_django_this_time(
    alice, compiled, values
):
    query = CompiledQuery(names_like, *FIELDS)
    assert query.rows("default", *values) == []
    assert len(compiled) == 2
    assert query.rows("default", "alice", "Alice") == [["alice", "x"]]
    compiled.clear()

    assert query.rows("default", *values) == []
    assert query.rows("default", "alice", "Alice") == [["alice", "x"]]
    assert compiled == []


def test_the_kept_sql_does_not_contain_the_first_values(alice):
    query = CompiledQuery(names_like, *FIELDS)
    query.rows("default", "alice@example.com", "Alice")

    kept = query.compile("default", "bob@example.com", "Bob")

    assert kept.parameters == ["x", None, None]


@pytest.mark.parametrize("first", [True, False])
def test_times_are_converted_as_the_settings_say(settings, key, alice, first):
    settings.USE_TZ = first
    get_for_issuing(None, alice.pk)
    settings.USE_TZ = not first

    row = get_for_issuing(None, alice.pk)

    stored = SigningKey.objects.get()
    assert row.key.created_at == stored.created_at


def test_a_refusal_keeps_no_row_of_the_database(key, alice):
    with pytest.raises(AppUnknown) as caught:
        get_for_issuing(f"layer:///apps/staging/{APP_ID}", alice.pk)

    _, *inner = getinnerframes(caught.value.__traceback__)
    variables = repr([frame.frame.f_locals for frame in inner])
    assert "SigningKey" in variables
    assert key.encrypted_private_key not in variables
