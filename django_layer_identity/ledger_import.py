"""Import Layer user IDs that are already in use: a whole file, or nothing."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING

from django.db import IntegrityError, router, transaction

from django_layer_identity import ledger
from django_layer_identity.exceptions import (
    ImportFailed,
    InvalidClaims,
    LedgerConflict,
    NotFound,
)
from django_layer_identity.mapping.typed_ids import find_typing_error
from django_layer_identity.mapping.users import find_user
from django_layer_identity.models import LayerUser
from django_layer_identity.protocol.claims import check_user_id

if TYPE_CHECKING:
    from django_layer_identity.models import LayerApp

HEADER = ["user", "user_id"]
#: Words in the second column of other headers, without case and signs.
HEADER_WORDS = frozenset(
    {"id", "layerid", "layeruserid", "name", "user", "userid", "username"}
)
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def import_user_ids(
    app: LayerApp,
    lines: Iterable[str],
    *,
    dry_run: bool = False,
    exact: bool = False,
    on_problem: Callable[[int, str], None] = lambda line, problem: None,
    progress: Callable[[int], None] = lambda done: None,
) -> int:
    """
    Record the Layer user IDs of a CSV file in the ledger, and return their number.

    :param lines: lines with a user's natural key and Layer user ID. The first line may
        be the header ``user,user_id``. Empty lines are skipped.
    :param dry_run: report every problem, and change nothing.
    :param exact: also import IDs that look like typing errors, such as “alice ”.
    :param on_problem: called with the number of each invalid line and the reason, as
        soon as it is found.
    :param progress: called with the number of lines that are done.
    :raises ImportFailed: if any line is invalid, the text is not UTF-8 CSV with
        commas, or a user was deleted during the import. Nothing is changed.
    """
    using, done, failed = router.db_for_write(LayerUser), 0, 0
    try:
        with transaction.atomic(using=using):
            for number, problem in _import_rows(app, lines, exact=exact):
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
    app: LayerApp, lines: Iterable[str], *, exact: bool
) -> Iterator[tuple[int, str | None]]:
    """Import the lines one by one. Yield each number, with the problem or None."""
    reader = csv.reader(_check_first_line(lines), strict=True)
    try:
        for row in reader:
            is_first = reader.line_num == 1
            if row and not (is_first and row == HEADER):
                problem = _import_row(app, row, exact=exact, is_first=is_first)
                yield reader.line_num, problem
    except csv.Error as exc:
        yield reader.line_num, f"not valid CSV: {exc}."


def _check_first_line(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines, or report a file that has another format."""
    rest = iter(lines)
    first = list(islice(rest, 1))
    text = "".join(first)
    if "\0" in text:
        raise ImportFailed(
            "Nothing was imported: the file is in UTF-16. Save it as UTF-8; spreadsheets "
            "call this “CSV UTF-8”."
        )
    for separator, name in SEPARATORS.items():
        if separator in text and "," not in text:
            raise ImportFailed(
                f"Nothing was imported: line 1 has {name} and no comma. Separate the user "
                "and the Layer user ID by a comma."
            )
    return chain(first, rest)


def _import_row(
    app: LayerApp, row: list[str], *, exact: bool, is_first: bool
) -> str | None:
    """Import one line, or return what is wrong with it."""
    if len(row) != len(HEADER):
        return f"expected two columns, a user and a Layer user ID, not {len(row)}."
    key, user_id = row
    try:
        user = find_user(key)
        problem = None if exact else find_typing_error(check_user_id(user_id))
        if problem:
            return f"{problem} To import it as it is, use --exact."
        ledger.import_user_id(app, user, user_id)
    except NotFound as exc:
        hint = f" A header must be “{','.join(HEADER)}”."
        return f"{exc}{hint if is_first and _is_word(user_id) else ''}"
    except (InvalidClaims, LedgerConflict) as exc:
        return str(exc)
    return None


def _is_word(cell: str) -> bool:
    return re.sub("[^a-z]", "", cell.lower()) in HEADER_WORDS
