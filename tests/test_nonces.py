"""Replay guard: within an app, a nonce can be used by one user only."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.locmem import LocMemCache
from django.db import IntegrityError, OperationalError, connection
from django.utils import timezone

from django_layer_identity.digests import nonce_digest
from django_layer_identity.exceptions import (
    AppIDRequired,
    NonceAlreadyUsed,
    NonceGuardUnavailable,
    SigningFailed,
)
from django_layer_identity.issuing import issue_identity_token
from django_layer_identity.models import LayerApp, SigningKey, SpentNonce
from tests.conftest import APP_ID, OTHER_KEY_ID, PROVIDER_ID
from tests.endpoint import NONCE, ask, configure, read, refusal
from tests.internals import clear_loaded_keys

ALREADY_USED = refusal(
    409,
    "nonce_already_used",
    "This nonce was used by another user. Ask Layer for a new one.",
)
GUARD_UNAVAILABLE = refusal(
    503,
    "nonce_guard_unavailable",
    "The nonce could not be checked at the moment. Try again later.",
)
UNREACHABLE = "redis://127.0.0.1:1"


class Silent(LocMemCache):
    """Behaves like a Memcached client that ignores errors: stores and returns nothing."""

    def add(self, *args, **kwargs):
        return False

    def get(self, *args, **kwargs):
        return None


class Recording(LocMemCache):
    """Records the time limit of each added entry."""

    def __init__(self, *args):
        super().__init__(*args)
        self.time_limits = []

    def add(self, key, value, timeout=DEFAULT_TIMEOUT, version=None):
        self.time_limits.append(timeout)
        return super().add(key, value, timeout, version)


class Evicting(LocMemCache):
    """Evicts each entry before it is read."""

    def get(self, key, *args, **kwargs):
        self.delete(key)


@pytest.fixture
def bob(db):
    return User.objects.create_user("bob")


@pytest.fixture(params=["cache", "database"])
def guard(request, settings):
    configure(settings, NONCE_GUARD=request.param)
    return request.param


@pytest.fixture
def purging_nonce():
    """A nonce that triggers a purge, as one in 256 does."""
    nonces = (f"nonce {number}" for number in range(10_000))
    return next(nonce for nonce in nonces if nonce_digest(nonce).startswith("00"))


def use_database_guard(settings):
    configure(settings, NONCE_GUARD="database")


def expire(guard):
    if guard == "cache":
        for key in cache._expire_info:
            cache._expire_info[key] = 0
    else:
        SpentNonce.objects.update(expires_at=timezone.now() - timedelta(seconds=1))


def test_a_nonce_of_another_user_is_refused(guard, key, alice, bob):
    assert read(ask(alice, nonce=NONCE))[0] == 200

    assert read(ask(bob, nonce=NONCE)) == ALREADY_USED


def test_the_same_user_may_use_a_nonce_again(guard, key, alice):
    statuses = [read(ask(alice, nonce=NONCE))[0] for _ in range(3)]

    assert statuses == [200, 200, 200]


def test_a_refused_user_does_not_take_the_nonce_from_its_user(guard, key, alice, bob):
    ask(alice, nonce=NONCE)
    ask(bob, nonce=NONCE)

    assert read(ask(alice, nonce=NONCE))[0] == 200


def test_an_expired_nonce_is_free(guard, key, alice, bob):
    ask(alice, nonce=NONCE)
    expire(guard)

    assert read(ask(bob, nonce=NONCE))[0] == 200
    assert read(ask(alice, nonce=NONCE)) == ALREADY_USED


def test_each_app_has_its_own_nonces(guard, key, alice, bob, other_private_key):
    other = LayerApp.objects.create(
        name="Other", app_id=OTHER_KEY_ID, provider_id=PROVIDER_ID
    )
    SigningKey.from_private_key(
        other, other_private_key, key_id="eeeeeeee-0000-4000-8000-000000000005"
    ).save()
    other.keys.get().activate()

    issue_identity_token(alice, NONCE, app=str(APP_ID))

    assert issue_identity_token(bob, NONCE, app=other).user_id == "bob"
    with pytest.raises(NonceAlreadyUsed):
        issue_identity_token(bob, NONCE, app=str(APP_ID))


def test_without_a_guard_two_users_may_use_one_nonce(settings, key, alice, bob):
    configure(settings, NONCE_GUARD=None)

    assert read(ask(alice, nonce=NONCE))[0] == 200
    assert read(ask(bob, nonce=NONCE))[0] == 200


def test_a_refusal_for_another_reason_does_not_spend_the_nonce(
    guard, settings, app, key, alice, bob
):
    ask(alice, nonce=NONCE, user_id="bob")
    with pytest.raises(SigningFailed):
        issue_unsigned(settings, alice)
    with pytest.raises(AppIDRequired):
        issue_among_two_apps(alice)

    assert read(ask(bob, nonce=NONCE))[0] == 200


def issue_unsigned(settings, user):
    right = settings.LAYER_IDENTITY
    clear_loaded_keys()
    configure(settings, KEY_ENCRYPTION_KEYS=[])
    try:
        issue_identity_token(user, NONCE)
    finally:
        settings.LAYER_IDENTITY = right


def issue_among_two_apps(user):
    other = LayerApp.objects.create(
        name="Other", app_id=OTHER_KEY_ID, provider_id=PROVIDER_ID
    )
    try:
        issue_identity_token(user, NONCE)
    finally:
        other.delete()


def test_a_nonce_is_not_inherited_with_the_primary_key(guard, key, alice):
    issue_identity_token(alice, NONCE)
    pk = alice.pk
    alice.delete()
    zoe = User.objects.create(pk=pk, username="zoe")

    with pytest.raises(NonceAlreadyUsed):
        issue_identity_token(zoe, NONCE)


def test_the_cache_stores_only_digests(settings, key, alice):
    configure(settings, THROTTLE_RATES={"user": None})
    ask(alice, nonce=NONCE)

    [name] = cache._cache
    assert name == f":1:layer_identity:{APP_ID}:{nonce_digest(NONCE)}"
    assert len(cache.get(name.removeprefix(":1:"))) == 64


def test_the_cache_stores_a_nonce_for_ten_minutes(settings, key, alice):
    settings.CACHES = {"default": {"BACKEND": "tests.test_nonces.Recording"}}

    issue_identity_token(alice, NONCE)

    assert cache.time_limits == [600]


def test_a_nonce_that_the_cache_evicts_is_free(settings, key, alice, bob):
    settings.CACHES = {"default": {"BACKEND": "tests.test_nonces.Evicting"}}
    configure(settings, NONCE_GUARD_FAILURE="refuse")
    issue_identity_token(alice, NONCE)

    assert issue_identity_token(bob, NONCE).user_id == "bob"


def test_the_table_stores_only_digests(settings, app, key, alice):
    use_database_guard(settings)
    before = timezone.now()

    ask(alice, nonce=NONCE)

    [spent] = SpentNonce.objects.all()
    assert (spent.app, str(spent)) == (app, nonce_digest(NONCE))
    assert len(spent.owner) == 64
    asked_at = spent.expires_at - timedelta(minutes=10)
    assert before <= asked_at <= timezone.now()


def test_the_cache_needs_no_query_and_the_table_one_write(
    settings, key, alice, django_assert_num_queries
):
    issue_identity_token(alice, "the first token writes the ledger")
    with django_assert_num_queries(1):
        issue_identity_token(alice, NONCE)

    use_database_guard(settings)
    with django_assert_num_queries(4) as queries:  # two of them are for the savepoint
        issue_identity_token(alice, "another")
    assert [query["sql"].split()[0] for query in queries.captured_queries] == [
        "SELECT",
        "SAVEPOINT",
        "INSERT",
        "RELEASE",
    ]


def test_some_reservations_purge_expired_nonces(settings, key, alice, purging_nonce):
    use_database_guard(settings)
    for nonce in ("a", "b", "c"):
        issue_identity_token(alice, nonce)
    expire("database")
    issue_identity_token(alice, "still alive")
    assert SpentNonce.objects.count() == 4

    issue_identity_token(alice, purging_nonce)

    assert {spent.digest for spent in SpentNonce.objects.all()} == {
        nonce_digest("still alive"),
        nonce_digest(purging_nonce),
    }


def test_a_purge_deletes_a_bounded_number(app):
    past = timezone.now() - timedelta(hours=1)
    SpentNonce.objects.bulk_create(
        SpentNonce(app=app, digest=str(number), owner="", expires_at=past)
        for number in range(1001)
    )

    assert [SpentNonce.objects.purge() for _ in range(3)] == [1000, 1, 0]


def test_a_purge_that_fails_does_not_stop_a_login(settings, key, alice, purging_nonce):
    use_database_guard(settings)

    with connection.execute_wrapper(failing("DELETE", OperationalError("gone"))):
        assert read(ask(alice, nonce=purging_nonce))[0] == 200


def test_deleting_an_app_deletes_its_nonces(app):
    SpentNonce.objects.reserve(app, "a", "alice", timedelta(minutes=10))

    app.delete()

    assert SpentNonce.objects.count() == 0


def failing(verb, error):
    """Return a wrapper in which statements with this verb fail."""

    def execute(execute, sql, params, many, context):
        if sql.startswith(verb) and "spentnonce" in sql:
            raise error
        return execute(sql, params, many, context)

    return execute


@pytest.fixture(params=["cache", "silent cache", "database"])
def broken_guard(request, settings):
    """A guard with an outage: an unreachable or silent cache, or a failing database."""
    configure(settings, THROTTLE_RATES={"user": None, "failures": None})
    if request.param == "database":
        use_database_guard(settings)
        with connection.execute_wrapper(failing("INSERT", OperationalError("gone"))):
            yield "gone"
    elif request.param == "cache":
        backend = "django.core.cache.backends.redis.RedisCache"
        settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": UNREACHABLE}}
        yield "Connection refused"
    else:
        settings.CACHES = {"default": {"BACKEND": "tests.test_nonces.Silent"}}
        yield "The cache can neither store nor read the nonce."


def test_a_guard_outage_is_logged_and_tokens_are_served(
    broken_guard, caplog, key, alice
):
    assert read(ask(alice, nonce=NONCE))[0] == 200

    [record] = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert record.getMessage().startswith(
        "Replay guard failed, so a token is issued without it: "
        f"app='layer:///apps/production/{APP_ID}' nonce={nonce_digest(NONCE)!r}"
    )
    assert broken_guard in caplog.text


def test_an_outage_of_the_cache_is_logged_with_advice(settings, caplog, key, alice):
    settings.CACHES = {"default": {"BACKEND": "tests.test_nonces.Silent"}}

    issue_identity_token(alice, NONCE)

    assert caplog.messages[0].endswith(
        f"nonce={nonce_digest(NONCE)!r} cache='default' (LAYER_IDENTITY['CACHE_ALIAS']). "
        "Correct CACHES, or start the cache."
    )


def test_an_outage_of_the_database_is_not_blamed_on_the_cache(
    settings, caplog, key, alice
):
    use_database_guard(settings)

    with connection.execute_wrapper(failing("INSERT", OperationalError("gone"))):
        issue_identity_token(alice, NONCE)

    assert caplog.messages[0].endswith(f"nonce={nonce_digest(NONCE)!r}")


@pytest.mark.parametrize("failure", ["refuse", "misspelt"])
def test_a_guard_outage_can_refuse_tokens(
    broken_guard, settings, caplog, key, alice, failure
):
    configure(settings, NONCE_GUARD_FAILURE=failure)

    assert read(ask(alice, nonce=NONCE)) == GUARD_UNAVAILABLE
    assert broken_guard in caplog.text


def test_an_unknown_guard_refuses(settings, caplog, key, alice):
    configure(settings, NONCE_GUARD="redis")

    assert read(ask(alice, nonce=NONCE)) == GUARD_UNAVAILABLE
    assert (
        "NONCE_GUARD must be 'cache', 'database' or None, not 'redis'." in caplog.text
    )


def test_an_unknown_cache_alias_is_a_guard_outage(settings, caplog, key, alice):
    configure(settings, CACHE_ALIAS="nowhere", NONCE_GUARD_FAILURE="refuse")

    assert read(ask(alice, nonce=NONCE)) == GUARD_UNAVAILABLE
    assert "The connection 'nowhere' doesn't exist." in caplog.text


@pytest.mark.parametrize("failure", ["serve", "refuse"])
def test_a_reserved_nonce_with_an_invisible_row_is_refused(
    settings, key, alice, failure
):
    configure(settings, NONCE_GUARD="database", NONCE_GUARD_FAILURE=failure)
    taken = failing("INSERT", IntegrityError("duplicate key"))

    with connection.execute_wrapper(taken), pytest.raises(NonceGuardUnavailable):
        issue_identity_token(alice, NONCE)


@pytest.mark.parametrize("verb", ["UPDATE", "SELECT"])
def test_a_reserved_nonce_whose_user_cannot_be_read_is_refused(
    settings, key, alice, bob, verb
):
    use_database_guard(settings)
    issue_identity_token(alice, NONCE)
    unreadable = failing(verb, OperationalError("gone"))

    with connection.execute_wrapper(unreadable), pytest.raises(NonceGuardUnavailable):
        issue_identity_token(bob, NONCE)


def test_a_nonce_that_another_writer_has_locked_is_refused(settings, key, alice):
    use_database_guard(settings)
    locked = failing("INSERT", OperationalError(1205, "Lock wait timeout exceeded"))

    with connection.execute_wrapper(locked), pytest.raises(NonceGuardUnavailable):
        issue_identity_token(alice, NONCE)
