"""PostgreSQL becomes unavailable and available again."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.db import connections, transaction

from django_layer_identity.models import LayerUser, SpentNonce
from tests.server.clients import new_nonce, phone
from tests.server.process import database as database_settings
from tests.server.process import identity, serve
from tests.server.proxy import Proxy
from tests.services.faults.conftest import GUARD_UNAVAILABLE, UNAVAILABLE

pytestmark = [
    pytest.mark.service,
    pytest.mark.django_db(transaction=True, databases=["default", "postgresql"]),
    pytest.mark.parametrize("database", ["postgresql"], indirect=True),
]
WRITES = "SHARE ROW EXCLUSIVE"  # allows other connections to read, but not to write
OURS = "oid FROM pg_database WHERE datname = current_database()"
IDLE = f"FROM pg_stat_activity WHERE datid = (SELECT {OURS}) AND state = 'idle'"
WAITING = f"FROM pg_locks WHERE database = (SELECT {OURS}) AND NOT granted"


def serve_with(changed=(), **options):
    """Serve with one worker and one thread, so the same thread must recover."""
    return serve(
        workers=1,
        threads=1,
        DATABASES=database_settings("postgresql", **options),
        LAYER_IDENTITY=identity(**dict(changed)),
    )


def answer(phone, **parameters):
    answer = phone.ask(**parameters)
    return answer.status, answer.body


def terminate(backends=IDLE):
    """Terminate the server's connections in PostgreSQL; return their number."""
    with connections["postgresql"].cursor() as cursor:
        cursor.execute(f"SELECT pg_terminate_backend(pid, 5000) {backends}")
        return len(cursor.fetchall())


@contextmanager
def locked(table, mode="ACCESS EXCLUSIVE"):
    """Lock the table, so that a request waits for it in the middle of its work."""
    with transaction.atomic("postgresql"):
        with connections["postgresql"].cursor() as cursor:
            cursor.execute(f"LOCK TABLE {table} IN {mode} MODE")
        yield


def kill_mid_request(client, table, mode, **parameters):
    """Send a request, terminate its connection during the lock, and return the answer."""
    with ThreadPoolExecutor(1) as pool, locked(table, mode):
        waiting = pool.submit(answer, client, **parameters)
        wait_until_stuck()
        assert terminate(WAITING) == 1
        return waiting.result(timeout=30)


def wait_until_stuck():
    """Poll until a query waits for a lock; PostgreSQL sends no notice of it."""
    deadline = time.monotonic() + 30
    with connections["postgresql"].cursor() as cursor:
        while time.monotonic() < deadline:
            cursor.execute(f"SELECT pid {WAITING}")
            if cursor.fetchall():
                return
    raise AssertionError("No request reached the lock.")


@pytest.mark.parametrize("atomic", [False, True], ids=["", "atomic-requests"])
@pytest.mark.parametrize(
    "table", ["authtoken_token", "auth_user", "layer_identity_layerapp"]
)
def test_a_connection_killed_during_a_request_is_reported_and_replaced(
    database, alice_token, table, atomic
):
    serving = serve_with(ATOMIC_REQUESTS=atomic)
    with serving as server, phone(server, alice_token) as alice:
        assert alice.ask().code == "issued"
        workers = server.workers

        refused = kill_mid_request(alice, table, "ACCESS EXCLUSIVE")

        assert refused == UNAVAILABLE
        assert alice.ask().code == "issued"
        assert server.workers == workers


@pytest.mark.parametrize("atomic", [False, True], ids=["", "atomic-requests"])
def test_a_connection_killed_during_the_ledger_write_leaves_no_entry(
    database, alice_token, atomic
):
    serving = serve_with(ATOMIC_REQUESTS=atomic)
    with serving as server, phone(server, alice_token) as alice:
        refused = kill_mid_request(alice, "layer_identity_layeruser", WRITES)

        assert (refused, LayerUser.objects.count()) == (UNAVAILABLE, 0)
        assert alice.ask().code == "issued"
        assert LayerUser.objects.get().user_id == "alice"


@pytest.mark.parametrize("atomic", [False, True], ids=["", "atomic-requests"])
def test_a_connection_killed_while_a_nonce_is_reserved_leaves_it_free(
    database, alice_token, bob_token, atomic
):
    guarded = {"NONCE_GUARD": "database", "NONCE_GUARD_FAILURE": "refuse"}
    nonce = new_nonce()
    with (
        serve_with(guarded, ATOMIC_REQUESTS=atomic) as server,
        phone(server, alice_token) as alice,
        phone(server, bob_token) as bob,
    ):
        refused = kill_mid_request(
            alice, "layer_identity_spentnonce", WRITES, nonce=nonce
        )

        assert (refused, SpentNonce.objects.count()) == (GUARD_UNAVAILABLE, 0)
        assert bob.ask(nonce=nonce).code == "issued"
        assert alice.ask(nonce=nonce).code == "nonce_already_used"


def test_a_token_is_issued_if_the_nonce_guards_database_fails(database, alice_token):
    unguarded = {"NONCE_GUARD": "database", "NONCE_GUARD_FAILURE": "serve"}
    settings = database.settings_dict
    with (
        Proxy(settings["HOST"], settings["PORT"]) as wire,
        serve_with(unguarded, HOST="127.0.0.1", PORT=wire.port) as server,
        phone(server, alice_token) as alice,
        ThreadPoolExecutor(1) as pool,
        locked("layer_identity_spentnonce", WRITES),
    ):
        waiting = pool.submit(alice.ask)
        wait_until_stuck()
        wire.cut()
        assert waiting.result(timeout=30).code == "issued"


def test_health_checks_replace_connections_killed_between_requests(
    database, alice_token
):
    with serve_with() as server, phone(server, alice_token) as alice:
        assert alice.ask().code == "issued"
        assert terminate() == 1

        assert [alice.ask().code for _ in range(3)] == ["issued"] * 3


def test_without_health_checks_each_killed_connection_fails_one_request(
    database, alice_token
):
    unchecked = serve_with(CONN_HEALTH_CHECKS=False)
    with unchecked as server, phone(server, alice_token) as alice:
        assert alice.ask().code == "issued"
        assert terminate() == 1

        assert answer(alice) == UNAVAILABLE
        assert [alice.ask().code for _ in range(3)] == ["issued"] * 3


def test_requests_succeed_again_after_an_outage_of_the_database(database, alice_token):
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

        wire.restore()
        assert [alice.ask().code for _ in range(3)] == ["issued"] * 3
        assert server.workers == workers


def test_a_server_started_before_its_database_serves_when_it_is_available(
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

        wire.restore()
        assert alice.ask().code == "issued"


def test_a_query_that_hangs_times_out(database, alice_token):
    serving = serve_with(
        OPTIONS={"options": "-c statement_timeout=500"}
    )  # milliseconds
    with serving as server, phone(server, alice_token) as alice:
        with locked("layer_identity_layerapp"):
            assert answer(alice) == UNAVAILABLE

        assert alice.ask().code == "issued"
