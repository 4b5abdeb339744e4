from __future__ import annotations

import pytest
from django.core.checks import Error, Warning

from tests.checks import deployed, found

LOCMEM = "django.core.cache.backends.locmem.LocMemCache"
DUMMY = "django.core.cache.backends.dummy.DummyCache"
FILES = "django.core.cache.backends.filebased.FileBasedCache"
TABLE = "django.core.cache.backends.db.DatabaseCache"
REDIS = "django.core.cache.backends.redis.RedisCache"


def use(settings, backend, **options):
    settings.CACHES = {
        "default": {"BACKEND": backend, "LOCATION": "/nonexistent", **options}
    }


def warning(problem):
    return Warning(
        f"Nonces and rate limits are stored in {problem}.",
        hint=(
            "Set LAYER_IDENTITY['CACHE_ALIAS'] to a cache on Redis or Memcached. Without "
            "rate limits, a DatabaseCache with MAX_ENTRIES of 10000 or more works too."
        ),
        id="layer_identity.W040",
    )


@pytest.mark.parametrize("guard", ["redis", "", False, ["cache"]])
def test_nonce_guard_has_three_values(settings, guard):
    assert found(settings, NONCE_GUARD=guard) == [
        Error(
            "LAYER_IDENTITY['NONCE_GUARD'] must be 'cache', 'database' or None, not "
            f"{guard!r}.",
            hint='For example: "cache", the default.',
            id="layer_identity.E040",
        )
    ]


@pytest.mark.parametrize("failure", ["", None, "serv", ["serve"]])
def test_nonce_guard_failure_has_two_values(settings, failure):
    assert found(settings, NONCE_GUARD_FAILURE=failure) == [
        Error(
            "LAYER_IDENTITY['NONCE_GUARD_FAILURE'] must be 'serve' or 'refuse', not "
            f"{failure!r}.",
            hint='For example: "serve", the default.',
            id="layer_identity.E041",
        )
    ]


def test_every_value_of_the_guard_is_accepted(settings):
    for guard in ("cache", "database", None):
        for failure in ("serve", "refuse"):
            assert not found(settings, NONCE_GUARD=guard, NONCE_GUARD_FAILURE=failure)


def attribute_error(name):
    """Return Python's error message for a name that is not text. Versions differ."""
    with pytest.raises(TypeError) as caught:
        getattr(object(), name)
    return str(caught.value)


@pytest.mark.parametrize(
    ("alias", "problem"),
    [
        ("nowhere", "The connection 'nowhere' doesn't exist."),
        (7, attribute_error(7)),
    ],
)
def test_cache_alias_names_a_cache(settings, alias, problem):
    assert found(settings, CACHE_ALIAS=alias) == [
        Error(
            f"LAYER_IDENTITY['CACHE_ALIAS'] must name a usable cache: {problem}",
            hint='Use an alias of CACHES, such as "default".',
            id="layer_identity.E042",
        )
    ]


def test_deploy_does_not_repeat_an_unknown_alias(settings):
    assert deployed(settings, NONCE_GUARD="cache", CACHE_ALIAS="nowhere") == []


@pytest.mark.parametrize(
    ("backend", "problem"),
    [
        (LOCMEM, "LocMemCache: each process has its own cache"),
        (DUMMY, "DummyCache: it stores nothing"),
        (
            FILES,
            "FileBasedCache: two requests can add the same entry, because add() is not "
            "atomic",
        ),
    ],
)
def test_deploy_reports_a_cache_that_cannot_guard_nonces(settings, backend, problem):
    use(settings, backend)

    assert deployed(settings, NONCE_GUARD="cache") == [warning(problem)]
    assert deployed(settings, THROTTLE_RATES={"failures": None}) == [warning(problem)]
    assert deployed(settings, NONCE_GUARD="database") == []


def test_deploy_reports_a_small_table_of_nonces(settings):
    use(settings, TABLE)

    assert deployed(settings, NONCE_GUARD="cache") == [
        warning("DatabaseCache: with over 300 entries, it deletes unexpired ones")
    ]


@pytest.mark.parametrize("scope", ["user", "failures"])
def test_deploy_reports_rate_limits_in_a_table(settings, scope):
    use(settings, TABLE, OPTIONS={"MAX_ENTRIES": 10_000})
    settings.REST_FRAMEWORK = {"NUM_PROXIES": 0}
    rates = {"user": None, "failures": None, scope: "20/min"}

    assert deployed(settings, THROTTLE_RATES=rates) == [
        warning(
            "DatabaseCache: it loses counts of simultaneous requests, and forgets counts "
            "after its TIMEOUT"
        )
    ]


def test_deploy_reports_a_disabled_guard(settings):
    assert deployed(settings, NONCE_GUARD=None) == [
        Warning(
            "LAYER_IDENTITY['NONCE_GUARD'] is None: the same nonce can be signed for two "
            "users.",
            hint='Remove the setting. The default is "cache".',
            id="layer_identity.W046",
        )
    ]


def test_a_large_table_and_redis_are_accepted(settings):
    use(settings, TABLE, OPTIONS={"MAX_ENTRIES": 10_000})
    assert deployed(settings, NONCE_GUARD="cache") == []

    use(settings, REDIS, LOCATION="redis://127.0.0.1:1")
    assert deployed(settings, NONCE_GUARD="cache") == []


def test_the_configured_cache_is_checked(settings):
    settings.CACHES = {
        "default": {"BACKEND": DUMMY},
        "shared": {"BACKEND": REDIS, "LOCATION": "redis://127.0.0.1:1"},
    }

    assert deployed(settings, NONCE_GUARD="cache", CACHE_ALIAS="shared") == []
