"""The compiled query of the token path gives each database's values and types."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import connections, transaction

from django_layer_identity import ledger
from django_layer_identity.models import LayerApp, SigningKey
from django_layer_identity.models.issuing import get_for_issuing
from tests.conftest import APP_ID, KEY_ID, PROVIDER_ID
from tests.rows import fields_of, stored_rows
from tests.services import routing
from tests.services.conftest import need

pytestmark = pytest.mark.service


@pytest.fixture
def bound(django_db_setup, django_db_blocker):
    """PostgreSQL with parameters that the server binds, not the driver."""
    need("postgresql")
    stored = connections["postgresql"].settings_dict
    connections.settings["bound"] = {
        **stored,
        "OPTIONS": {**stored.get("OPTIONS", {}), "server_side_binding": True},
    }
    token = routing.database.set("bound")
    try:
        with django_db_blocker.unblock(), transaction.atomic(using="bound"):
            yield connections["bound"]
            transaction.set_rollback(True, using="bound")
    finally:
        routing.database.reset(token)
        connections["bound"].close()
        del connections["bound"], connections.settings["bound"]


def create_rows(private_key):
    """Create an app with an active key, and Alice with a ledger entry."""
    app = LayerApp.objects.create(
        name="Messenger",
        app_id=APP_ID,
        provider_id=PROVIDER_ID,
        token_lifetime=timedelta(seconds=90),
    )
    key = SigningKey.from_private_key(app, private_key, key_id=KEY_ID)
    key.save()
    key.activate()
    alice = User.objects.create(username="alice")
    ledger.rename(app, alice, "Ålice")
    return app, alice


def check_each_field(private_key):
    """Read a row twice, with the SQL compiled and kept, and compare it with querysets."""
    app, alice = create_rows(private_key)

    for wanted in (None, str(APP_ID)):
        for _ in range(2):
            row = get_for_issuing(wanted, alice.pk)
            found = fields_of(row.app, row.key, row.entry)
            assert found == stored_rows(app, alice)


@pytest.mark.django_db(databases="__all__")
def test_each_field_has_the_value_and_type_that_a_queryset_gives(database, private_key):
    check_each_field(private_key)


def test_parameters_may_be_bound_by_the_server(bound, private_key):
    check_each_field(private_key)

    with bound.cursor() as cursor:
        assert "ServerBindingCursor" in type(cursor.cursor).__name__


@pytest.fixture
def alice(database, private_key):
    _, alice = create_rows(private_key)
    return alice


def read_and_hang_up(user_pk):
    """Read the row on a connection of this thread, and close the connection."""
    try:
        return get_for_issuing(None, user_pk)
    finally:
        connections.close_all()


@pytest.mark.django_db(transaction=True, databases=["default", "postgresql"])
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_threads_use_connections_of_their_own(alice):
    with ThreadPoolExecutor(4) as threads:
        runs = [
            threads.submit(copy_context().run, read_and_hang_up, alice.pk)
            for _ in range(8)
        ]
    rows = [run.result() for run in runs]

    assert [row.key.key_id for row in rows] == [KEY_ID] * 8
    assert {row.entry.user_id for row in rows} == {"Ålice"}


@pytest.mark.django_db(transaction=True, databases=["default", "postgresql"])
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_an_asynchronous_view_can_use_it(alice):
    row = asyncio.run(sync_to_async(read_and_hang_up)(alice.pk))

    assert row.entry.user_id == "Ålice"
