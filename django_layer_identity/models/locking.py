"""Retry writes on deadlocks, serialization failures and busy SQLite; lock keys."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from django.db import Error, OperationalError, connections, transaction
from django.db.models import Model

from django_layer_identity.exceptions import NotFound
from django_layer_identity.models.app import LayerApp

K = TypeVar("K", bound=Model)
P = ParamSpec("P")
T = TypeVar("T")

ATTEMPTS = 6
PAUSE = 0.02  # seconds; doubled before each wait; a wait is a random part of it

_POSTGRESQL = {"40001", "40P01", "55P03"}  # serialization, deadlock, lock not available
_MYSQL = {1205, 1213}  # lock wait time-out, deadlock


def retry_on_conflict(write: Callable[[], T], *, using: str) -> T:
    """
    Run a write in its own transaction and return its result.

    After a deadlock, a serialization failure or a busy SQLite, wait for a random time
    and run it again. Inside the caller's transaction it runs once, in a savepoint,
    because what that transaction has read cannot be read again.

    :raises OperationalError: if the last attempt failed, or a retry cannot help.
    """
    left = 1 if connections[using].in_atomic_block else ATTEMPTS
    pause = PAUSE
    while True:
        left -= 1
        try:
            with transaction.atomic(using=using):
                return write()
        except OperationalError as exc:
            if not left or not is_retryable(exc):
                raise
        pause *= 2
        time.sleep(random.uniform(0, pause))  # noqa: S311  # nosec B311


def is_unreachable(using: str) -> bool:
    """
    Return whether the connection failed and is unusable.

    A new connection would wait for the database's timeouts again, and a request should
    wait for them only once.
    """
    connection = connections[using]
    if not connection.errors_occurred:
        return False
    return connection.connection is None or not connection.is_usable()


def is_retryable(exc: Error) -> bool:
    """Return whether the same write may succeed if it is repeated."""
    cause = exc.__cause__
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    number = exc.args[0] if exc.args else None
    return state in _POSTGRESQL or number in _MYSQL or "is locked" in str(number)


def serialized(
    method: Callable[Concatenate[K, P], T],
) -> Callable[Concatenate[K, P], T]:
    """
    Run the method under the app's row lock, on a freshly loaded key.

    Retry it as :func:`retry_on_conflict` does. If it raises, restore the object's fields.
    Templates do not call the method.
    """

    def wrapper(key: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        def write() -> T:
            lock_and_refresh(key)
            return method(key, *args, **kwargs)

        names = [field.attname for field in key._meta.concrete_fields]
        before = {name: getattr(key, name) for name in names}
        try:
            return retry_on_conflict(write, using=key.database)
        except Exception:
            for name, value in before.items():
                setattr(key, name, value)
            raise

    wrapper.alters_data = True  # type: ignore[attr-defined]
    return wraps(method)(wrapper)


def lock_and_refresh(key: Any) -> None:
    """
    Lock the app's row, then the key's, and reload the key.

    :raises NotFound: if the key was deleted.
    """
    LayerApp.objects.lock(key.app_id, key.database)
    keys = type(key).objects.using(key.database).select_for_update()
    try:
        key.refresh_from_db(from_queryset=keys)
    except type(key).DoesNotExist as exc:
        raise NotFound("This signing key was deleted.") from exc
