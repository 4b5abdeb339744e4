"""When a key signed last: sampled, and never at a token's expense."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from django.db import Error, connections, transaction
from django.db.models import Q
from django.utils import timezone

from django_layer_identity.models.writes import is_lost

if TYPE_CHECKING:
    from django_layer_identity.models.key.life import SigningKey

logger = logging.getLogger(__name__)

SAMPLE = timedelta(minutes=10)  # one write a key in this time
PAUSE = 60  # seconds after an attempt in which this process makes no other

_attempts: dict[tuple[int, str], float] = {}  # app and fingerprint -> monotonic seconds


def note_use(key: SigningKey) -> None:
    """
    Note that a key has just signed, if that was not noted of late.

    It waits for nobody: somebody else's transaction, or a database that is busy, lost or
    read-only, costs the note and not the token. Inside a transaction it is written
    after the commit, so that no lock is held to its end.
    """
    now = timezone.now()
    if key.last_used_at is not None and key.last_used_at > now - SAMPLE:
        return
    if not is_lost(key.database) and _is_my_turn(key):
        transaction.on_commit(partial(_write, key, now), using=key.database)


def _is_my_turn(key: SigningKey) -> bool:
    name, seconds = (key.app_id, key.fingerprint), time.monotonic()
    if seconds - _attempts.get(name, -PAUSE) < PAUSE:
        return False
    _attempts[name] = seconds
    return True


def _write(key: SigningKey, now: datetime) -> None:
    due = (
        type(key)
        .objects.using(key.database)
        .filter(
            Q(last_used_at__isnull=True) | Q(last_used_at__lte=now - SAMPLE), pk=key.pk
        )
    )
    is_sqlite = connections[key.database].vendor == "sqlite"
    impatience = _impatient_sqlite if is_sqlite else nullcontext
    try:
        with impatience(key.database), transaction.atomic(using=key.database):
            if list(due.select_for_update(skip_locked=True).values_list("pk")):
                due.update(last_used_at=now)
    except Error as exc:
        logger.info("The use of signing key %s was not noted: %r", key, exc)


@contextmanager
def _impatient_sqlite(using: str) -> Iterator[None]:
    """Let SQLite, which locks the whole file, say at once that it is busy."""
    with connections[using].cursor() as cursor:
        [patience] = cursor.execute("PRAGMA busy_timeout").fetchone()
        cursor.execute("PRAGMA busy_timeout = 0")
        try:
            yield
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {patience:d}")
