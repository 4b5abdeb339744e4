"""If the cache is down, tokens are served and passwords are refused."""

from __future__ import annotations

import pytest
from django.contrib.auth.backends import ModelBackend
from django.core.cache import cache
from django.core.cache.backends.locmem import LocMemCache
from django.core.exceptions import ImproperlyConfigured
from rest_framework.authtoken.models import Token
from rest_framework.throttling import UserRateThrottle

from tests.endpoint import (
    ALICE,
    NONCE,
    ask,
    authentication_failed,
    configure,
    log_in,
    read,
    refusal,
)

HERE = "tests.api.test_dead_caches"
BASIC = "rest_framework.authentication.BasicAuthentication"
BODY = "django_layer_identity.api.authentication.BodyCredentialsAuthentication"
TOKEN = "rest_framework.authentication.TokenAuthentication"
UNAVAILABLE = refusal(
    503, "unavailable", "The service is unavailable. Try again later."
)


class Silent(LocMemCache):
    """Behaves like a Memcached client that ignores errors."""

    def get(self, key, default=None, version=None):
        return default

    def add(self, *args, **kwargs):
        return False

    def incr(self, *args, **kwargs):
        raise ValueError


class Breakable(LocMemCache):
    """Works until ``broken`` is set."""

    broken = False

    def incr(self, *args, **kwargs):
        if Breakable.broken:
            raise ConnectionError("gone")
        return super().incr(*args, **kwargs)


class Breaking(ModelBackend):
    """Breaks the cache while it checks the password."""

    def authenticate(self, request, **credentials):
        Breakable.broken = True
        return super().authenticate(request, **credentials)


class ProjectThrottle(UserRateThrottle):
    """REST framework's throttle, in the project's cache."""

    cache = cache
    rate = "1/min"


class Misconfigured(UserRateThrottle):
    scope = "no such scope"


class Denying(Silent):
    """Behaves like pymemcache after it has found the server down."""

    def incr(self, *args, **kwargs):
        return False


@pytest.fixture(params=["refused", "silent", "denying"])
def dead_cache(request, settings, key):
    configure(settings, AUTHENTICATION_CLASSES=[TOKEN, BODY, BASIC])
    if request.param == "refused":
        backend = "django.core.cache.backends.redis.RedisCache"
        settings.CACHES = {
            "default": {"BACKEND": backend, "LOCATION": "redis://127.0.0.1:1"}
        }
    else:
        name = request.param.capitalize()
        settings.CACHES = {"default": {"BACKEND": f"{HERE}.{name}"}}


def test_tokens_are_served_and_the_failure_is_logged(dead_cache, alice, caplog, client):
    headers = {"Authorization": f"Token {Token.objects.create(user=alice).key}"}

    assert read(log_in(client, {}, headers))[0] == 200

    [record] = [
        one for one in caplog.records if one.getMessage().startswith("The cache failed")
    ]
    assert record.getMessage() == (
        "The cache failed, so a request is not counted: cache='default' "
        "(LAYER_IDENTITY['CACHE_ALIAS']). Correct CACHES, or start the cache."
    )
    assert record.exc_info


def test_wrong_tokens_are_still_refused(dead_cache, client):
    headers = {"Authorization": "Token made-up"}

    answers = [read(log_in(client, {}, headers)) for _ in range(25)]

    assert answers == [authentication_failed(401)] * 25


@pytest.mark.parametrize("password", ["wonderland", "wrong", ""])
def test_passwords_are_refused(dead_cache, alice, client, password):
    body = {"username": "alice", "password": password}

    assert read(log_in(client, body)) == UNAVAILABLE


def test_passwords_by_basic_are_refused_too(dead_cache, alice, client):
    headers = {"Authorization": "Basic YWxpY2U6d29uZGVybGFuZA=="}  # alice:wonderland

    assert read(log_in(client, {}, headers)) == UNAVAILABLE


def test_without_a_rate_for_failures_passwords_need_no_cache(
    settings, dead_cache, alice, client
):
    configure(settings, THROTTLE_RATES={"failures": None})

    assert read(log_in(client, ALICE))[0] == 200


@pytest.fixture
def breaking_cache(settings, monkeypatch, key):
    """A cache that fails while a password is checked."""
    monkeypatch.setattr(Breakable, "broken", False)
    settings.CACHES = {"default": {"BACKEND": f"{HERE}.Breakable"}}
    settings.AUTHENTICATION_BACKENDS = [f"{HERE}.Breaking"]
    configure(settings, AUTHENTICATION_CLASSES=[BODY])


@pytest.mark.parametrize(("password", "status"), [("wonderland", 200), ("wrong", 403)])
def test_a_cache_that_fails_during_a_login_does_not_change_the_response(
    breaking_cache, alice, client, password, status
):
    response = log_in(client, {"username": "alice", "password": password})

    assert (read(response)[0], Breakable.broken) == (status, True)


def test_a_correct_password_that_counts_as_wrong_is_logged(
    breaking_cache, alice, caplog, client
):
    log_in(client, ALICE)

    assert caplog.messages[0] == (
        "The cache failed, so a correct password counts as wrong: cache='default' "
        "(LAYER_IDENTITY['CACHE_ALIAS']). Correct CACHES, or start the cache."
    )


def test_a_project_throttle_in_a_dead_cache_lets_requests_through(
    settings, dead_cache, alice, caplog
):
    settings.REST_FRAMEWORK = {"DEFAULT_THROTTLE_CLASSES": [f"{HERE}.ProjectThrottle"]}
    configure(settings, THROTTLE_RATES={"user": None})

    assert read(ask(alice, nonce=NONCE))[0] == 200


def test_a_throttle_without_a_rate_raises_an_error(settings, key, alice):
    settings.REST_FRAMEWORK = {"DEFAULT_THROTTLE_CLASSES": [f"{HERE}.Misconfigured"]}

    with pytest.raises(ImproperlyConfigured, match="no such scope"):
        ask(alice, nonce=NONCE)
