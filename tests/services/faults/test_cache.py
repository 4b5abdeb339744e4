"""Redis stops and starts again, or hangs."""

from __future__ import annotations

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.cached_db import SessionStore
from django.core.cache import caches

from tests.server.caches import PrivateRedis
from tests.server.clients import create_users, new_nonce, phone
from tests.server.process import PASSWORDS, TOKENS, identity, serve
from tests.server.process import database as database_settings
from tests.services.faults.conftest import GUARD_UNAVAILABLE, UNAVAILABLE

pytestmark = [
    pytest.mark.service,
    pytest.mark.django_db(transaction=True, databases=["default", "postgresql"]),
    pytest.mark.parametrize("database", ["postgresql"], indirect=True),
]
UNGUARDED = "Replay guard failed, so a token is issued without it"


@pytest.fixture
def redis():
    with PrivateRedis() as server:
        yield server


def serve_with(redis, **changed):
    """Serve with one worker and one thread, so the same thread must recover."""
    return serve(
        workers=1,
        threads=1,
        DATABASES=database_settings("postgresql"),
        CACHES={"default": redis.cache()},
        SESSION_ENGINE="django.contrib.sessions.backends.cached_db",
        LAYER_IDENTITY=identity(NONCE_GUARD="cache", **changed),
    )


def codes_of_one_nonce(*phones):
    nonce = new_nonce()
    return [phone.ask(nonce=nonce).code for phone in phones]


def test_without_a_cache_tokens_are_issued_and_the_guard_recovers(
    database, redis, alice_token, bob_token
):
    serving = serve_with(redis, NONCE_GUARD_FAILURE="serve")
    with (
        serving as server,
        phone(server, alice_token) as alice,
        phone(server, bob_token) as bob,
    ):
        assert codes_of_one_nonce(alice, bob) == ["issued", "nonce_already_used"]
        workers = server.workers

        redis.stop()
        assert codes_of_one_nonce(alice, bob) == ["issued", "issued"]
        assert server.said().count(UNGUARDED) == 2

        redis.start()
        assert codes_of_one_nonce(alice, bob) == ["issued", "nonce_already_used"]
        assert server.said().count(UNGUARDED) == 2
        assert server.workers == workers


def test_without_a_cache_tokens_are_refused_with_the_setting_refuse(
    database, redis, alice_token
):
    serving = serve_with(redis, NONCE_GUARD_FAILURE="refuse")
    with serving as server, phone(server, alice_token) as alice:
        redis.stop()
        answer = alice.ask()
        assert (answer.status, answer.body) == GUARD_UNAVAILABLE

        redis.start()
        assert alice.ask().code == "issued"


def test_a_cache_that_hangs_times_out(database, redis, alice_token):
    serving = serve_with(redis, NONCE_GUARD_FAILURE="refuse")
    with serving as server, phone(server, alice_token) as alice:
        assert alice.ask().code == "issued"

        redis.freeze()
        assert alice.ask().code == "nonce_guard_unavailable"

        redis.thaw()
        assert alice.ask().code == "issued"


def test_without_a_cache_tokens_are_accepted_and_passwords_refused(
    database, redis, alice_token
):
    create_users(database.alias, "carol", password="wonderland")
    credentials = {"username": "carol", "password": "wonderland"}
    serving = serve_with(
        redis,
        AUTHENTICATION_CLASSES=[PASSWORDS, *TOKENS],
        THROTTLE_RATES={"user": "60/min", "failures": "20/min"},
    )
    with (
        serving as server,
        phone(server, alice_token) as alice,
        phone(server) as carol,
    ):
        assert carol.ask(**credentials).code == "issued"

        redis.stop()
        assert alice.ask().code == "issued"
        answer = carol.ask(**credentials)
        assert (answer.status, answer.body) == UNAVAILABLE

        redis.start()
        assert alice.ask().code == "issued"
        assert carol.ask(**credentials).code == "issued"


@pytest.fixture
def session(settings, redis, database, alice_token):
    """Headers of a logged-in user, with the session in the test's own Redis."""
    settings.CACHES = {**settings.CACHES, "private": redis.cache()}
    settings.SESSION_CACHE_ALIAS = "private"
    alice = User.objects.using(database.alias).get(username="alice")
    store = SessionStore()
    store[SESSION_KEY] = str(alice.pk)
    store[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    store[HASH_SESSION_KEY] = alice.get_session_auth_hash()
    store.save()
    for pool in caches["private"]._cache._pools.values():
        pool.disconnect()
    csrf = "c" * 32
    cookie = f"sessionid={store.session_key}; csrftoken={csrf}"
    return {"Cookie": cookie, "X-CSRFToken": csrf}


def test_sessions_in_a_cache_that_hangs_work_again_when_it_answers(
    database, redis, session
):
    serving = serve_with(
        redis,
        AUTHENTICATION_CLASSES=["rest_framework.authentication.SessionAuthentication"],
    )
    with serving as server, phone(server, **session) as alice:
        assert alice.ask().code == "issued"

        redis.freeze()
        answer = alice.ask()
        assert (answer.status, answer.body) == UNAVAILABLE

        redis.thaw()
        assert alice.ask().code == "issued"
