"""A thread that writes entries on a connection of its own, one after the other."""

from __future__ import annotations

import logging
import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from django.db import connections

from django_layer_identity.models.writes import write_or_retry

if TYPE_CHECKING:
    from django_layer_identity.audit.models import AuditEntry

MAX_WAITING = 1000  # entries; a database that does not answer is no leak of memory

logger = logging.getLogger("django_layer_identity.audit")


class _Writer:
    """Ends when the interpreter does, once everything is written."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="layer-audit")
        self._room = BoundedSemaphore(MAX_WAITING)

    def add(self, entry: AuditEntry, alias: str) -> None:
        if self._room.acquire(blocking=False):
            self._thread.submit(self._write, entry, alias)
        else:
            logger.error("An audit entry was dropped, too many wait: %r", entry.code)

    def wait(self) -> None:
        self._thread.submit(int).result()

    def _write(self, entry: AuditEntry, alias: str) -> None:
        try:
            write_or_retry(
                lambda: entry.save(using=alias, force_insert=True), using=alias
            )
        except Exception:
            logger.exception("An audit entry could not be written: %r", entry.code)
        finally:
            connections[alias].close()
            self._room.release()


@lru_cache(maxsize=1)
def _writer(process: int) -> _Writer:
    """Return the process's own: a child that was forked has no threads of its parent."""
    return _Writer()


def write_in_background(entry: AuditEntry, alias: str) -> None:
    """Write the entry as soon as the database lets it in; return at once."""
    _writer(os.getpid()).add(entry, alias)


def wait_until_written() -> None:
    """Wait for every entry that this process has to write, as a test may want to."""
    _writer(os.getpid()).wait()
