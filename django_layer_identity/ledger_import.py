"""Adopt Layer user IDs that are in use already: all of a file, or nothing."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from django.db import IntegrityError, router, transaction

from django_layer_identity import ledger
from django_layer_identity.exceptions import (
    ImportFailed,
    InvalidClaims,
    LedgerConflict,
    NotFound,
)
from django_layer_identity.mapping.users import find_user
from django_layer_identity.models import LayerUser

if TYPE_CHECKING:
    from django_layer_identity.models import LayerApp

HEADER = ["user", "user_id"]


def import_user_ids(
    app: LayerApp,
    lines: Iterable[str],
    *,
    dry_run: bool = False,
    on_problem: Callable[[int, str], None] = lambda line, problem: None,
    progress: Callable[[int], None] = lambda done: None,
) -> int:
    """
    Write down the Layer user IDs of a CSV file, and return how many there are.

    :param lines: a user's natural key and Layer user ID each; the first may be
        ``user,user_id``. Empty ones are skipped.
    :param dry_run: find every problem, and change nothing.
    :param on_problem: told of each line that cannot be, and why, when it is found.
    :param progress: told how many lines are done.
    :raises ImportFailed: if any line is invalid or a user was deleted during the
        import. Nothing is changed.
    """
    using, done, failed = router.db_for_write(LayerUser), 0, 0
    try:
        with transaction.atomic(using=using):
            for number, problem in _adopt_rows(app, lines):
                done += 1
                if problem:
                    failed += 1
                    on_problem(number, problem)
                progress(number)
            if failed:
                raise ImportFailed(
                    f"Nothing was changed: {failed} lines cannot be adopted."
                )
            if dry_run:
                transaction.set_rollback(True, using=using)
    except IntegrityError as exc:  # of the foreign keys, which are looked at last
        raise ImportFailed("A user was deleted meanwhile. Try again.") from exc
    return done


def _adopt_rows(
    app: LayerApp, lines: Iterable[str]
) -> Iterator[tuple[int, str | None]]:
    """Adopt one line after the other; yield its number, and why that cannot be."""
    reader = csv.reader(lines, strict=True)
    try:
        for row in reader:
            is_header = reader.line_num == 1 and row == HEADER
            if row and not is_header:
                yield reader.line_num, _adopt(app, row)
    except csv.Error as exc:
        yield reader.line_num, f"this is no CSV: {exc}."


def _adopt(app: LayerApp, row: list[str]) -> str | None:
    """Adopt one, or say why that cannot be."""
    if len(row) != len(HEADER):
        return f"there are {len(row)} columns, not a user and a Layer user ID."
    key, user_id = row
    try:
        ledger.import_user_id(app, find_user(key), user_id)
    except (InvalidClaims, LedgerConflict, NotFound) as exc:
        return str(exc)
    return None
