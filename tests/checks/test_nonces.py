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


def warning(complaint):
    return Warning(
        f"Nonces and requests are counted in a {complaint}.",
        hint=("Name a cache on Redis or Memcached in LAYER_IDENTITY['CACHE_ALIAS']."),
        id="layer_identity.W040",
    )


@pytest.mark.parametrize("guard", ["redis", "", False, ["cache"]])
def test_a_nonce_guard_is_one_of_three(settings, guard):
    assert found(settings, NONCE_GUARD=guard) == [
        Error(
            'LAYER_IDENTITY[\'NONCE_GUARD\'] must be "cache", "database" or None.',
            hint='"cache" is the default.',
            id="layer_identity.E040",
        )
    ]


@pytest.mark.parametrize("failure", ["", None, "serv", ["serve"]])
def test_a_nonce_guards_failure_has_one_of_two_answers(settings, failure):
    assert found(settings, NONCE_GUARD_FAILURE=failure) == [
        Error(
            'LAYER_IDENTITY[\'NONCE_GUARD_FAILURE\'] must be "serve" or "refuse".',
            hint='"serve" is the default.',
            id="layer_identity.E041",
        )
    ]


def test_every_value_of_the_guard_is_fine(settings):
    for guard in ("cache", "database", None):
        for failure in ("serve", "refuse"):
            assert not found(settings, NONCE_GUARD=guard, NONCE_GUARD_FAILURE=failure)


def python_says(name):
    """Return Python's complaint of a name that is no text: it differs by version."""
    with pytest.raises(TypeError) as caught:
        getattr(object(), name)
    return str(caught.value)


@pytest.mark.parametrize(
    ("alias", "complaint"),
    [
        ("nowhere", "The connection 'nowhere' doesn't exist."),
        (7, python_says(7)),
    ],
)
def test_an_alias_names_a_cache(settings, alias, complaint):
    assert found(settings, CACHE_ALIAS=alias) == [
        Error(
            f"LAYER_IDENTITY['CACHE_ALIAS'] names no cache of use: {complaint}",
            hint='An alias of CACHES; "default" is the default.',
            id="layer_identity.E042",
        )
    ]


def test_an_unknown_alias_is_told_once(settings):
    assert deployed(settings, NONCE_GUARD="cache", CACHE_ALIAS="nowhere") == []


@pytest.mark.parametrize(
    ("backend", "complaint"),
    [
        (LOCMEM, "LocMemCache: each process has one of its own"),
        (DUMMY, "DummyCache: it keeps nothing"),
        (FILES, "FileBasedCache: between its two steps of adding another may come"),
        (TABLE, "DatabaseCache: over 300 entries it hide_locals some at random"),
    ],
)
def test_a_cache_that_cannot_guard_is_named_before_going_live(
    settings, backend, complaint
):
    use(settings, backend)

    assert deployed(settings, NONCE_GUARD="cache") == [warning(complaint)]
    assert deployed(settings, THROTTLE_RATES={"failures": None}) == [warning(complaint)]
    assert deployed(settings, NONCE_GUARD="database") == []


def test_a_guard_that_is_switched_off_is_named_before_going_live(settings):
    assert deployed(settings, NONCE_GUARD=None) == [
        Warning(
            "LAYER_IDENTITY['NONCE_GUARD'] is None: one nonce may be signed for two "
            "users.",
            hint='Remove the setting: "cache" is the default.',
            id="layer_identity.W046",
        )
    ]


def test_a_large_table_and_redis_are_fine(settings):
    use(settings, TABLE, OPTIONS={"MAX_ENTRIES": 10_000})
    assert deployed(settings, NONCE_GUARD="cache") == []

    use(settings, REDIS, LOCATION="redis://127.0.0.1:1")
    assert deployed(settings, NONCE_GUARD="cache") == []


def test_the_cache_looked_at_is_the_one_that_is_used(settings):
    settings.CACHES = {
        "default": {"BACKEND": DUMMY},
        "shared": {"BACKEND": REDIS, "LOCATION": "redis://127.0.0.1:1"},
    }

    assert deployed(settings, NONCE_GUARD="cache", CACHE_ALIAS="shared") == []
