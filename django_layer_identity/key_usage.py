"""Record when a key last signed, sampled every ten minutes."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import connections, transaction
from django.db.models import Q
from django.utils import timezone

from django_layer_identity.models.locking import is_unreachable

if TYPE_CHECKING:
    from django_layer_identity.models.key import SigningKey

SAMPLE = timedelta(minutes=10)  # at most one write per key and process
MAX_KEYS = 1000  # in the dict of a process

_attempts: dict[tuple[int, str], float] = {}  # app and fingerprint -> monotonic seconds


def record_use(key: SigningKey) -> None:
    """
    Record that a key has signed, unless that was recorded in the last ten minutes.

    Inside a transaction it is written after the commit, so that no lock is held. Django
    logs a failure. Nothing is written if the database connection has failed, or if the
    project commits by itself after ``set_autocommit(False)``.
    """
    if is_unreachable(key.database) or not _should_sample(key):
        return
    connection = connections[key.database]
    if not connection.in_atomic_block and not connection.get_autocommit():
        return  # on_commit() would raise
    now = timezone.now()
    if key.last_used_at is not None and key.last_used_at > now - SAMPLE:
        return  # another process has just recorded it

    def write_last_use() -> None:
        due = Q(last_used_at__isnull=True) | Q(last_used_at__lte=now - SAMPLE)
        keys = type(key).objects.using(key.database)
        keys.filter(due, pk=key.pk).update(last_used_at=now)

    transaction.on_commit(write_last_use, using=key.database, robust=True)


def _should_sample(key: SigningKey) -> bool:
    name, seconds = (key.app_id, key.fingerprint), time.monotonic()
    last = _attempts.get(name)
    if last is not None and seconds - last < SAMPLE.total_seconds():
        return False
    if len(_attempts) >= MAX_KEYS:
        _attempts.clear()
    _attempts[name] = seconds
    return True
