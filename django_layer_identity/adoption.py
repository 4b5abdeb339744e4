"""Adopt Layer user IDs that are in use already: all of a file, or nothing."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from django.db import router, transaction

from django_layer_identity import ledger
from django_layer_identity.exceptions import (
    AdoptionFailed,
    InvalidClaims,
    LedgerConflict,
    NotFound,
)
from django_layer_identity.mapping.users import find_user
from django_layer_identity.models import LayerUser

if TYPE_CHECKING:
    from django_layer_identity.models import LayerApp

HEADER = ["user", "user_id"]
MAX_PROBLEMS = 100  # lines that are told of; the others are counted


def adopt_all(
    app: LayerApp,
    lines: Iterable[str],
    *,
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> int:
    """
    Write down the Layer user IDs of a CSV file, and return how many there are.

    :param lines: a user's natural key and his Layer user ID each; the first may be
        ``user,user_id``. Empty ones are skipped.
    :param dry_run: find every problem, and change nothing.
    :param progress: told how many lines are done.
    :raises AdoptionFailed: with each line that cannot be; then nothing is changed.
    """
    problems = _Problems()
    count = 0
    with transaction.atomic(using=router.db_for_write(LayerUser)):
        for number, row in _rows(lines, problems):
            problem = _adopt(app, row)
            count += 1
            if problem:
                problems.add(number, problem)
            progress(number)
        if problems.count:
            raise AdoptionFailed(str(problems))
        if dry_run:
            transaction.set_rollback(True, using=router.db_for_write(LayerUser))
    return count


class _Problems:
    """The first lines that cannot be, and how many there are."""

    def __init__(self) -> None:
        self.count = 0
        self._told = ["Nothing was changed."]

    def add(self, line: int, problem: str) -> None:
        self.count += 1
        if self.count <= MAX_PROBLEMS:
            self._told.append(f"line {line}: {problem}")

    def __str__(self) -> str:
        more = self.count - MAX_PROBLEMS
        return "\n".join(self._told + ([f"and {more} more lines"] if more > 0 else []))


def _rows(lines: Iterable[str], problems: _Problems) -> Iterable[tuple[int, list[str]]]:
    reader = csv.reader(lines, strict=True)
    try:
        for row in reader:
            is_header = reader.line_num == 1 and row == HEADER
            if row and not is_header:
                yield reader.line_num, row
    except csv.Error as exc:
        problems.add(reader.line_num, f"this is no CSV: {exc}.")


def _adopt(app: LayerApp, row: list[str]) -> str | None:
    """Adopt one, or say why that cannot be."""
    if len(row) != len(HEADER):
        return f"there are {len(row)} columns, not a user and a Layer user ID."
    key, user_id = row
    try:
        ledger.adopt(app, find_user(key), user_id)
    except (InvalidClaims, LedgerConflict, NotFound) as exc:
        return str(exc)
    return None
