"""What keeps whose a nonce is, and how many requests there were."""

from __future__ import annotations

from django.core.cache import caches
from django.core.cache.backends.base import BaseCache, InvalidCacheBackendError
from django.core.cache.backends.db import DatabaseCache
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.filebased import FileBasedCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.checks import CheckMessage, Error, Warning

from django_layer_identity.checks.throttling import rates_complaint
from django_layer_identity.conf import conf

MIN_ENTRIES = 10_000  # of a cache that culls: what ten busy minutes may bring

_REASONS: tuple[tuple[type[BaseCache], str], ...] = (
    (LocMemCache, "each process has one of its own"),
    (DummyCache, "it keeps nothing"),
    (FileBasedCache, "between its two steps of adding another may come"),
)


def _guard() -> list[CheckMessage]:
    guard: object = conf.NONCE_GUARD
    if guard in ("cache", "database", None):
        return []
    return [
        Error(
            'LAYER_IDENTITY[\'NONCE_GUARD\'] must be "cache", "database" or None.',
            hint='"cache" is the default.',
            id="layer_identity.E040",
        )
    ]


def _guard_failure() -> list[CheckMessage]:
    failure: object = conf.NONCE_GUARD_FAILURE
    if failure in ("serve", "refuse"):
        return []
    return [
        Error(
            'LAYER_IDENTITY[\'NONCE_GUARD_FAILURE\'] must be "serve" or "refuse".',
            hint='"serve" is the default.',
            id="layer_identity.E041",
        )
    ]


def _cache_alias() -> list[CheckMessage]:
    try:
        caches[conf.NONCE_CACHE_ALIAS]
    except (InvalidCacheBackendError, TypeError) as exc:
        return [
            Error(
                f"LAYER_IDENTITY['NONCE_CACHE_ALIAS'] names no cache of use: {exc}",
                hint='An alias of CACHES; "default" is the default.',
                id="layer_identity.E042",
            )
        ]
    return []


def _guarded() -> list[CheckMessage]:
    if conf.NONCE_GUARD is not None:
        return []
    return [
        Warning(
            "LAYER_IDENTITY['NONCE_GUARD'] is None: one nonce may be signed for two "
            "users.",
            hint='Remove the setting: "cache" is the default.',
            id="layer_identity.W046",
        )
    ]


def _shared_cache() -> list[CheckMessage]:
    if _cache_alias() or rates_complaint() or not _cache_is_used():
        return []
    cache = caches[conf.NONCE_CACHE_ALIAS]
    reason = _objection(cache)
    if reason is None:
        return []
    return [
        Warning(
            f"Nonces and requests are counted in a {type(cache).__name__}: {reason}.",
            hint=(
                "Name a cache on Redis or Memcached in "
                "LAYER_IDENTITY['NONCE_CACHE_ALIAS']."
            ),
            id="layer_identity.W040",
        )
    ]


def _cache_is_used() -> bool:
    if conf.NONCE_GUARD == "cache":
        return True
    return any(rate is not None for rate in conf.THROTTLE_RATES.values())


def _objection(cache: BaseCache) -> str | None:
    for kind, reason in _REASONS:
        if isinstance(cache, kind):
            return reason
    if isinstance(cache, DatabaseCache) and cache._max_entries < MIN_ENTRIES:
        return f"over {cache._max_entries} entries it forgets some at random"
    return None


RULES = (_guard, _guard_failure, _cache_alias)
DEPLOYMENT_RULES = (_guarded, _shared_cache)
