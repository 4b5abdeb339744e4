"""Import Layer user IDs that are already in use: a whole file, or nothing."""

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
    Record the Layer user IDs of a CSV file in the ledger, and return their number.

    :param lines: lines with a user's natural key and Layer user ID. The first line may
        be the header ``user,user_id``. Empty lines are skipped.
    :param dry_run: report every problem, and change nothing.
    :param on_problem: called with the number of each invalid line and the reason, as
        soon as it is found.
    :param progress: called with the number of lines that are done.
    :raises ImportFailed: if any line is invalid or a user was deleted during the
        import. Nothing is changed.
    """
    using, done, failed = router.db_for_write(LayerUser), 0, 0
    try:
        with transaction.atomic(using=using):
            for number, problem in _import_rows(app, lines):
                done += 1
                if problem:
                    failed += 1
                    on_problem(number, problem)
                progress(number)
            if failed:
                raise ImportFailed(f"Nothing was imported. Invalid lines: {failed}.")
            if dry_run:
                transaction.set_rollback(True, using=using)
    except IntegrityError as exc:  # foreign keys are checked last
        raise ImportFailed(
            "Nothing was imported: a user was deleted during the import. Try again."
        ) from exc
    return done


def _import_rows(
    app: LayerApp, lines: Iterable[str]
) -> Iterator[tuple[int, str | None]]:
    """Import the lines one by one. Yield each number, with the problem or None."""
    reader = csv.reader(lines, strict=True)
    try:
        for row in reader:
            is_header = reader.line_num == 1 and row == HEADER
            if row and not is_header:
                yield reader.line_num, _import_row(app, row)
    except csv.Error as exc:
        yield reader.line_num, f"not valid CSV: {exc}."


def _import_row(app: LayerApp, row: list[str]) -> str | None:
    """Import one line, or return what is wrong with it."""
    if len(row) != len(HEADER):
        return f"expected two columns, a user and a Layer user ID, not {len(row)}."
    key, user_id = row
    try:
        ledger.import_user_id(app, find_user(key), user_id)
    except (InvalidClaims, LedgerConflict, NotFound) as exc:
        return str(exc)
    return None
