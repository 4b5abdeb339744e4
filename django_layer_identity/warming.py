"""Do what the first token of a process would wait for."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from contextvars import copy_context

from django.core.cache import caches
from django.db import connections, router
from django.urls import get_resolver

from django_layer_identity.conf import conf
from django_layer_identity.models import LayerApp, SigningKey
from django_layer_identity.models.issuing import compile_queries
from django_layer_identity.nonces import MEND_CACHE
from django_layer_identity.reporting import explains_itself

logger = logging.getLogger("django_layer_identity")


def warm_keys() -> None:
    """
    Load the active key of every enabled app, and all else that the first token waits for.

    That is: compile the query of the token path, and import the project's URLconf and
    the client of the cache. Call it when a server starts, before or after it forks: it
    leaves no connection open. It never raises: errors are logged, and the first request
    tries again. A database or a cache that hangs keeps it waiting as long as their
    timeouts allow.
    """
    _import_urlconf()  # here: the caller's thread may hold locks of modules it imports
    if not _is_in_event_loop():
        _warm_all()
        return
    # In an event loop, such as that of an ASGI lifespan handler, Django allows no query.
    with ThreadPoolExecutor(1) as pool:
        # As in asyncio.to_thread(), for a project that routes queries by its context.
        pool.submit(copy_context().run, _warm_all).result()


def _is_in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _warm_all() -> None:
    _load_keys()
    _compile_queries()
    _ask_cache()
    _disconnect()


def _load_keys() -> None:
    try:
        using = router.db_for_write(SigningKey)
        apps = LayerApp.objects.using(using).filter(enabled=True)
        for app in apps.select_related("active_key"):
            _load(app, getattr(app, "active_key", None))
    except Exception:  # a router or a database backend may raise anything
        logger.exception(
            "No signing key was loaded, because the database failed. Until it works, users "
            "get no identity tokens. If a table is missing, run “manage.py migrate”."
        )


def _load(app: LayerApp, key: SigningKey | None) -> None:
    if key is None:
        line = (
            "The Layer app %r has no active signing key, so its users get no identity "
            "tokens. Activate one with “manage.py layer_key_activate” or in the admin."
        )
        logger.error(line, app.name)
        return
    try:
        key.load_signer()
    except Exception as exc:  # a signing backend may raise anything
        line = (
            "Signing key %r of the Layer app %r was not loaded, so its users get no "
            "identity tokens: %s"
        )
        own = explains_itself(exc)
        reason = str(exc) if own else type(exc).__name__
        logger.error(line, str(key), app.name, reason, exc_info=None if own else exc)


def _compile_queries() -> None:
    try:
        compile_queries()
    except Exception:  # some primary keys refuse a made-up value
        logger.debug("The query of the token path was not compiled.", exc_info=True)


def _import_urlconf() -> None:
    """Import the views with REST framework, as Django does at the first request."""
    try:
        _ = get_resolver().url_patterns
    except Exception:  # any code of the project
        logger.exception(
            "The project's URLconf cannot be imported, so the project answers no request."
        )


def _ask_cache() -> None:
    """Import the client of the cache, and see whether the cache answers."""
    try:
        if conf.is_cache_used:
            with closing(caches[conf.CACHE_ALIAS]) as cache:
                cache.get("layer_identity:warm_keys")
            del caches[conf.CACHE_ALIAS]  # not every client closes its connections
    except Exception:  # a cache may raise anything
        logger.exception(
            "The cache of LAYER_IDENTITY['CACHE_ALIAS'] failed. Until it works, there are no "
            "replay guard and no rate limits, or, with NONCE_GUARD_FAILURE = 'refuse', no "
            "identity tokens. %s",
            MEND_CACHE,
        )


def _disconnect() -> None:
    """Close all connections: if the server forks now, processes must not share one."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
            if hasattr(connection, "close_pool"):  # PostgreSQL's
                connection.close_pool()
