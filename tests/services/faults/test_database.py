"""PostgreSQL gone and back."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.db import connections, transaction

from tests.server.clients import phone
from tests.server.process import database as database_settings
from tests.server.process import identity, serve
from tests.server.proxy import Proxy
from tests.services.faults.conftest import UNAVAILABLE

pytestmark = [
    pytest.mark.service,
    pytest.mark.django_db(transaction=True, databases=["default", "postgresql"]),
    pytest.mark.parametrize("database", ["postgresql"], indirect=True),
]
BACKENDS = (
    "FROM pg_stat_activity WHERE datname = current_database()"
    " AND pid <> pg_backend_pid()"
)


def serve_with(**options):
    """Serve with one worker of one thread: it is the same one that recovers."""
    databases = database_settings("postgresql", **options)
    return serve(workers=1, threads=1, DATABASES=databases, LAYER_IDENTITY=identity())


def answer(phone, **parameters):
    answer = phone.ask(**parameters)
    return answer.status, answer.body


def terminate(where=""):
    """Kill the server's connections in PostgreSQL; return how many there were."""
    with connections["postgresql"].cursor() as cursor:
        cursor.execute(f"SELECT pg_terminate_backend(pid, 5000) {BACKENDS} {where}")
        return len(cursor.fetchall())


@contextmanager
def locked(table):
    """Let nobody read the table, so that a request waits in the midst of its work."""
    with transaction.atomic("postgresql"):
        with connections["postgresql"].cursor() as cursor:
            cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield


def wait_until_stuck():
    """PostgreSQL tells nobody when a query begins to wait: ask until it does."""
    deadline = time.monotonic() + 30
    with connections["postgresql"].cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute(f"SELECT 1 {BACKENDS} AND wait_event_type = 'Lock'")
            if cursor.fetchall():
                return
    raise AssertionError("No request came as far as the lock.")


@pytest.mark.parametrize("atomic", [False, True], ids=["", "atomic-requests"])
@pytest.mark.parametrize(
    "table", ["authtoken_token", "auth_user", "layer_identity_layerapp"]
)
def test_a_connection_killed_mid_request_is_answered_and_replaced(
    database, alice_token, table, atomic
):
    serving = serve_with(ATOMIC_REQUESTS=atomic)
    with serving as server, phone(server, alice_token) as alice:
        assert alice.ask().code == "issued"
        workers = server.workers
        with ThreadPoolExecutor(1) as pool, locked(table):
            waiting = pool.submit(answer, alice)
            wait_until_stuck()
            killed = terminate("AND wait_event_type = 'Lock'")
            refused = waiting.result(timeout=30)

        assert (killed, refused) == (1, UNAVAILABLE)
        assert alice.ask().code == "issued"
        assert server.workers == workers


def test_connections_killed_between_requests_are_not_noticed_with_health_checks(
    database, alice_token
):
    with serve_with() as server, phone(server, alice_token) as alice:
        assert alice.ask().code == "issued"
        assert terminate() == 1

        assert [alice.ask().code for _ in range(3)] == ["issued"] * 3


def test_without_health_checks_each_killed_connection_costs_one_answer(
    database, alice_token
):
    unchecked = serve_with(CONN_HEALTH_CHECKS=False)
    with unchecked as server, phone(server, alice_token) as alice:
        assert alice.ask().code == "issued"
        assert terminate() == 1

        assert answer(alice) == UNAVAILABLE
        assert [alice.ask().code for _ in range(3)] == ["issued"] * 3


def test_a_server_that_cannot_be_reached_is_reached_again(database, alice_token):
    settings = database.settings_dict
    with (
        Proxy(settings["HOST"], settings["PORT"]) as wire,
        serve_with(HOST="127.0.0.1", PORT=wire.port) as server,
        phone(server, alice_token) as alice,
    ):
        assert alice.ask().code == "issued"
        workers = server.workers

        wire.cut()
        assert [answer(alice) for _ in range(3)] == [UNAVAILABLE] * 3

        wire.mend()
        assert [alice.ask().code for _ in range(3)] == ["issued"] * 3
        assert server.workers == workers


def test_a_server_started_before_its_database_serves_once_it_is_there(
    database, alice_token
):
    settings = database.settings_dict
    with (
        Proxy(settings["HOST"], settings["PORT"]) as wire,
        serve_with(HOST="127.0.0.1", PORT=wire.port) as server,
        phone(server, alice_token) as alice,
    ):
        wire.cut()
        assert answer(alice) == UNAVAILABLE

        wire.mend()
        assert alice.ask().code == "issued"
