"""Two users race for one nonce from eight connections: it is one's, round by round."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connections
from django.utils import timezone

from django_layer_identity.exceptions import NonceAlreadyUsed
from django_layer_identity.models import LayerApp, SpentNonce
from django_layer_identity.nonces import claim_nonce
from tests.conftest import APP_ID, PROVIDER_ID
from tests.endpoint import configure
from tests.services import routing
from tests.services.conftest import hang_up

pytestmark = pytest.mark.service
SERVERS = ["postgresql", "mariadb"]

RACERS = ["alice", "bob"] * 4
APP = LayerApp(pk=1, name="M", app_id=APP_ID, provider_id=PROVIDER_ID)


def claim(nonce, user):
    try:
        claim_nonce(APP, nonce, user)
    except NonceAlreadyUsed:
        return False
    return True


def race(hang_up, rounds=500, before=lambda nonce: None):
    """Return what each racer got, round by round."""
    line = Barrier(len(RACERS))

    def run(user):
        got = []
        try:
            for turn in range(rounds):
                nonce = f"{turn:064}"
                if line.wait(timeout=60) == 0:
                    before(nonce)
                line.wait(timeout=60)
                got.append(claim(nonce, user))
        except BaseException:
            line.abort()
            raise
        finally:
            hang_up()
        return got

    with ThreadPoolExecutor(len(RACERS)) as pool:
        tasks = [pool.submit(copy_context().run, run, user) for user in RACERS]
        return list(zip(*(task.result() for task in tasks), strict=True))


def disputed(rounds):
    """Return the rounds in which the nonce was not one user's on all his connections."""
    alices, bobs = (True, False) * 4, (False, True) * 4
    return [got for got in rounds if got not in (alices, bobs)]


@pytest.fixture
def table(settings):
    configure(settings, NONCE_GUARD="database")

    def hang_up():
        connections[routing.database.get()].close()

    return hang_up


def expired(nonce):
    """Leave the nonce behind as somebody had it an hour ago."""
    an_hour_ago = timezone.now() - timedelta(hours=1)
    SpentNonce.objects.create(
        app_id=APP.pk, digest=nonce, owner="zoe", expires_at=an_hour_ago
    )


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
