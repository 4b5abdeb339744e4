"""``warm_keys()`` in real servers: what it leaves open."""

from __future__ import annotations

import asyncio

import pytest

from django_layer_identity.issuing import warm_keys
from tests.internals import clear_loaded_keys
from tests.server.clients import create_app, create_users, phone
from tests.server.process import database as database_settings
from tests.server.process import identity, serve
from tests.services.waiting import wait_until

pytestmark = [
    pytest.mark.service,
    pytest.mark.django_db(transaction=True, databases=["default", "postgresql"]),
    pytest.mark.parametrize("database", ["postgresql"], indirect=True),
]
WARM = ["--config=python:tests.server.warm"]
SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"


def test_a_pool_of_one_connection_is_free_for_the_first_request(database):
    create_app()
    [token] = create_users("postgresql", "alice")
    databases = database_settings("postgresql", CONN_MAX_AGE=0)
    one = {"min_size": 1, "max_size": 1, "timeout": 3}
    databases["default"]["OPTIONS"] = {"pool": one}

    # With threads, requests are not answered in the thread that calls warm_keys().
    with (
        serve(
            workers=1,
            threads=2,
            options=WARM,
            DATABASES=databases,
            LAYER_IDENTITY=identity(),
        ) as server,
        phone(server, token) as alice,
    ):
        assert alice.ask().code == "issued"


def test_it_may_be_called_in_an_event_loop(database, parsed, caplog):
    create_app()
    clear_loaded_keys()
    parsed.clear()
    before = sessions(database)

    async def start():
        warm_keys()

    asyncio.run(start())

    assert (len(parsed), caplog.records) == (1, [])
    wait_until(lambda: sessions(database) == before)  # PostgreSQL counts a little later


def sessions(database):
    with database.cursor() as cursor:
        cursor.execute(SESSIONS)
        [count] = cursor.fetchone()
    return count
