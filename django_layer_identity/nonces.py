"""Replay guard: within a Layer app, a nonce may be signed for one user only."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from django.core.cache import caches

from django_layer_identity.conf import conf
from django_layer_identity.digests import keyed_digest
from django_layer_identity.exceptions import (
    ConfigurationError,
    NonceAlreadyUsed,
    NonceGuardUnavailable,
)
from django_layer_identity.models import LayerApp, SpentNonce

LIFETIME = timedelta(minutes=10)  # a nonce expires at Layer after this time
ATTEMPTS = 3  # the entry may expire between add() and get()
MEND_CACHE = "Correct CACHES, or start the cache."
CACHE_FAILED = f"cache=%r (LAYER_IDENTITY['CACHE_ALIAS']). {MEND_CACHE}"

logger = logging.getLogger("django_layer_identity")


def reserve_nonce(app: LayerApp, digest: str, user_pk: Any, user_id: str) -> None:
    """
    Reserve the nonce with this digest for the user with this Layer user ID.

    The same user may reserve it again, because responses get lost on mobile networks.

    :raises NonceAlreadyUsed: if it is reserved for another user.
    :raises NonceGuardUnavailable: if it is reserved but its user cannot be read, if the
        guard failed and ``NONCE_GUARD_FAILURE`` is not ``"serve"``, or if
        ``NONCE_GUARD`` is invalid.
    """
    if conf.NONCE_GUARD is None:
        return
    guard = GUARDS.get(conf.NONCE_GUARD)
    if guard is None:
        raise NonceGuardUnavailable from ConfigurationError(
            f"NONCE_GUARD must be 'cache', 'database' or None, not {conf.NONCE_GUARD!r}."
        )
    try:
        reserved = guard(app, digest, _user_digest(user_pk, user_id))
    except NonceGuardUnavailable:
        raise
    except Exception as exc:  # a cache may raise anything
        if conf.NONCE_GUARD_FAILURE != "serve":
            raise NonceGuardUnavailable from exc
        line = "Replay guard failed, so a token is issued without it: app=%r nonce=%r"
        values = [str(app.identifier), digest]
        if conf.NONCE_GUARD == "cache":
            line += f" {CACHE_FAILED}"
            values.append(conf.CACHE_ALIAS)
        logger.error(line, *values, exc_info=exc)
        return
    if not reserved:
        raise NonceAlreadyUsed


def _reserve_in_cache(app: LayerApp, digest: str, owner: str) -> bool:
    cache, key = caches[conf.CACHE_ALIAS], f"layer_identity:{app.app_id}:{digest}"
    for _attempt in range(ATTEMPTS):
        if cache.add(key, owner, LIFETIME.total_seconds()):
            return True
        found = cache.get(key)
        if found is not None:
            return bool(found == owner)
    # pymemcache with ignore_exc=True: neither stored nor readable.
    raise ConnectionError("The cache can neither store nor read the nonce.")


def _reserve_in_database(app: LayerApp, digest: str, owner: str) -> bool:
    return SpentNonce.objects.reserve(app, digest, owner, LIFETIME)


GUARDS: Mapping[str, Callable[[LayerApp, str, str], bool]] = {
    "cache": _reserve_in_cache,
    "database": _reserve_in_database,
}


def _user_digest(user_pk: Any, user_id: str) -> str:
    """
    Return a digest of the user, because a primary key may be an e-mail address.

    The Layer user ID is part of it: a deleted user's primary key may be used again.
    """
    return keyed_digest("nonce_owner", f"{user_pk}\n{user_id}")
