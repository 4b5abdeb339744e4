"""``warm_keys()`` in real servers: what it leaves open."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.cache import caches

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


def pool_of_one():
    databases = database_settings("postgresql", CONN_MAX_AGE=0)
    one = {"min_size": 1, "max_size": 1, "timeout": 3}
    databases["default"]["OPTIONS"] = {"pool": one}
    return databases


def test_a_pool_of_one_connection_is_free_for_the_first_request(database):
    create_app()
    [token] = create_users("postgresql", "alice")

    # With threads, requests are not answered in the thread that calls warm_keys().
    with (
        serve(
            workers=1,
            threads=2,
            options=WARM,
            DATABASES=pool_of_one(),
            LAYER_IDENTITY=identity(),
        ) as server,
        phone(server, token) as alice,
    ):
        assert alice.ask().code == "issued"


@pytest.mark.parametrize("pooled", [False, True], ids=["own", "pool"])
def test_processes_forked_after_it_share_no_connection(database, pooled, redis):
    create_app()
    tokens = create_users("postgresql", "alice", "bob")
    databases = pool_of_one() if pooled else database_settings("postgresql")

    def ask(token):
        with phone(server, token) as client:
            return [client.ask().body.get("user_id") for _ in range(20)]

    with (
        serve(
            workers=2,
            threads=1,
            options=["--preload"],
            application="tests.server.preloaded:application",
            DATABASES=databases,
            LAYER_IDENTITY=identity(),
        ) as server,
        ThreadPoolExecutor(4) as pool,
    ):
        answers = list(pool.map(ask, tokens * 2))

    assert answers == [["alice"] * 20, ["bob"] * 20] * 2


def test_it_leaves_no_connection_open(database):
    create_app()
    cache = caches["default"]

    warm_keys()

    assert database.connection is None
    assert caches["default"] is not cache


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
