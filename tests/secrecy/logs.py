"""Collect all log records at DEBUG, including SQL statements with their values."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


class Records(logging.Handler):
    """The texts of all records, by logger."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: dict[str, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        text = f"{self.format(record)} {record.args!r} {vars(record)!r}\n"
        name = f"log of {record.name}"
        self.texts[name] = self.texts.get(name, "") + text


@contextmanager
def at_debug() -> Iterator[Records]:
    """Make every logger log all records."""
    handler = Records()
    known = [logging.getLogger(name) for name in list(logging.root.manager.loggerDict)]
    loggers = [logging.getLogger(), *known]
    before = [(logger, logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
        logger.propagate = True
    logging.root.addHandler(handler)
    connection.force_debug_cursor = True
    try:
        yield handler
    finally:
        connection.force_debug_cursor = False
        logging.root.removeHandler(handler)
        for logger, level, propagate in before:
            logger.setLevel(level)
            logger.propagate = propagate
