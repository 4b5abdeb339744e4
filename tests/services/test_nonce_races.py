"""Two users race for one nonce from eight connections: only one user gets it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connections, transaction
from django.utils import timezone

from django_layer_identity.exceptions import NonceAlreadyUsed, NonceGuardUnavailable
from django_layer_identity.models import LayerApp, SpentNonce
from django_layer_identity.nonces import reserve_nonce
from tests.conftest import APP_ID, PROVIDER_ID
from tests.endpoint import configure
from tests.services import routing
from tests.services.conftest import hang_up

pytestmark = pytest.mark.service
SERVERS = ["postgresql", "mariadb"]

RACERS = ["alice", "bob"] * 4
APP = LayerApp(pk=1, name="M", app_id=APP_ID, provider_id=PROVIDER_ID)


def reserve(nonce, user):
    try:
        reserve_nonce(APP, nonce, user, user)
    except (NonceAlreadyUsed, NonceGuardUnavailable):
        return False
    return True


def expired(nonce):
    """Store the nonce as reserved by Alice one hour ago."""
    reserve(nonce, "alice")
    an_hour_ago = timezone.now() - timedelta(hours=1)
    SpentNonce.objects.filter(digest=nonce).update(expires_at=an_hour_ago)


def unreserved(nonce):
    """Leave the nonce unreserved."""


def race(hang_up, rounds=500, before=unreserved, reserve=reserve):
    """Return the results of all racers, round by round."""
    barrier = Barrier(len(RACERS))

    def run(user):
        got = []
        try:
            for number in range(rounds):
                nonce = f"{number:064}"
                if barrier.wait(timeout=60) == 0:
                    before(nonce)
                barrier.wait(timeout=60)
                got.append(reserve(nonce, user))
        except BaseException:
            barrier.abort()
            raise
        finally:
            hang_up()
        return got

    with ThreadPoolExecutor(len(RACERS)) as pool:
        tasks = [pool.submit(copy_context().run, run, user) for user in RACERS]
        return list(zip(*(task.result() for task in tasks), strict=True))


def disputed(rounds):
    """Return the rounds in which not all connections of one user got the nonce."""
    alices, bobs = (True, False) * 4, (False, True) * 4
    return [got for got in rounds if got not in (alices, bobs)]


@pytest.fixture
def table(settings):
    configure(settings, NONCE_GUARD="database")

    def hang_up():
        connections[routing.database.get()].close()

    return hang_up


def reserve_with_old_snapshot(barrier):
    """Return a function that reserves in a transaction with an old snapshot."""
    isolation = {
        "postgresql": "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL",
        "mysql": "SET SESSION TRANSACTION ISOLATION LEVEL",
    }

    def reserve_inside(nonce, user):
        connection = connections[routing.database.get()]
        with connection.cursor() as cursor:
            cursor.execute(f"{isolation[connection.vendor]} REPEATABLE READ")
        with transaction.atomic(using=connection.alias):
            SpentNonce.objects.filter(digest=nonce).first()
            barrier.wait(timeout=60)
            return reserve(nonce, user)

    return reserve_inside


def test_redis_gives_each_nonce_to_one_user(redis):
    assert disputed(race(hang_up)) == []


@pytest.mark.django_db(transaction=True, databases="__all__")
@pytest.mark.parametrize("database", SERVERS, indirect=True)
def test_a_server_gives_each_nonce_to_one_user(database, table):
    assert disputed(race(table)) == []


@pytest.mark.django_db(transaction=True, databases="__all__")
@pytest.mark.parametrize("database", SERVERS, indirect=True)
def test_a_server_gives_each_expired_nonce_to_one_user(database, table):
    assert disputed(race(table, rounds=100, before=expired)) == []


def test_a_file_gives_each_nonce_to_one_user(sqlite_file, table):
    assert disputed(race(table)) == []


def test_a_file_gives_each_expired_nonce_to_one_user(sqlite_file, table):
    assert disputed(race(table, rounds=100, before=expired)) == []


@pytest.mark.django_db(transaction=True, databases="__all__")
@pytest.mark.parametrize("before", [unreserved, expired])
@pytest.mark.parametrize("database", SERVERS, indirect=True)
def test_no_nonce_is_signed_for_two_users_under_repeatable_read(
    database, table, before, show
):
    inside = reserve_with_old_snapshot(Barrier(len(RACERS)))

    rounds = race(table, rounds=50, before=before, reserve=inside)

    owners = [
        {name for name, won in zip(RACERS, got, strict=True) if won} for got in rounds
    ]
    twice = sum(len(names) > 1 for names in owners)
    show([f"{database.vendor}, {before.__name__}: {twice} of 50 nonces for two users"])
    assert [len(names) for names in owners] == [1] * 50
