"""Writes that can lose a race: tried again a few times, and then given up."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import Error, OperationalError, connections, transaction

T = TypeVar("T")

ATTEMPTS = 6
PAUSE = 0.02  # seconds, at most, after the first attempt; doubled each time

_POSTGRESQL = {"40001", "40P01", "55P03"}  # serialization, deadlock, lock not available
_MYSQL = {1205, 1213}  # lock wait time-out, deadlock


def write_or_retry(write: Callable[[], T], *, using: str) -> T:
    """
    Run a write in a transaction of its own and return what it returns.

    After a deadlock, a serialization failure or a busy SQLite it is run again from its
    beginning, with a pause of random length. Inside somebody else's transaction it is
    run once, in a savepoint: what that transaction read before cannot be read again.

    :raises OperationalError: if it never got through, or failed for another reason.
    """
    left = 1 if connections[using].in_atomic_block else ATTEMPTS
    pause = PAUSE
    while True:
        left -= 1
        try:
            with transaction.atomic(using=using):
                return write()
        except OperationalError as exc:
            if not left or not lost_race(exc):
                raise
        pause *= 2
        time.sleep(random.uniform(0, pause))  # noqa: S311  # nosec B311


def is_lost(using: str) -> bool:
    """
    Return whether a database failed and does not answer now.

    A new connection would wait for the database's time-outs again, so a request that has
    waited once makes none.
    """
    connection = connections[using]
    if not connection.errors_occurred:
        return False
    return connection.connection is None or not connection.is_usable()


def lost_race(exc: Error) -> bool:
    """Return whether the same write may well succeed the next time."""
    cause = exc.__cause__
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    number = exc.args[0] if exc.args else None
    return state in _POSTGRESQL or number in _MYSQL or "is locked" in str(number)
