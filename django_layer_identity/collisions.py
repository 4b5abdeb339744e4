"""
Find users whose Layer user IDs would collide, and users without a usable ID.

Users are read in pages. Their IDs are compared by digests in a temporary SQLite file, so
that memory use does not grow with the number of users. The file contains primary keys,
but no Layer user IDs.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any
from unicodedata import category, normalize

from django.contrib.auth import get_user_model
from django.db import router

from django_layer_identity.conf import conf
from django_layer_identity.exceptions import (
    ConfigurationError,
    LayerIdentityError,
    SurveyFailed,
    UserIDFailed,
    UserIDUnavailable,
)
from django_layer_identity.mapping.normalizers import casefold, phone
from django_layer_identity.mapping.sources import MappingContext
from django_layer_identity.mapping.user_ids import compute_user_id

if TYPE_CHECKING:
    from django_layer_identity.models import LayerApp

PAGE = 2000  # users
MAX_SHOWN = 20  # users of a group; the others are only counted

#: How the IDs of a group differ, the smallest difference first.
DIFFERENCES = ("same", "Unicode form", "white space", "case", "phone format")

_PHONE = re.compile(r"[+(]?\d[\d ().\u2010-\u2015/-]{6,}")
_TABLES = """
    PRAGMA journal_mode = OFF;
    CREATE TABLE mapped (key BLOB, digest BLOB, pk);
    CREATE TABLE unusable (pk, reason TEXT);
"""
_GROUPS = """
    SELECT key, pk FROM mapped
    WHERE key IN (SELECT key FROM mapped GROUP BY key HAVING COUNT(*) > 1)
    ORDER BY key, digest, rowid
"""


@dataclass(frozen=True)
class Group:
    """Users whose Layer user IDs are the same or similar."""

    difference: str  # the greatest one in the group, from DIFFERENCES
    count: int
    same: int  # users who have exactly the same ID as another user
    users: list[tuple[Any, str]]  # primary key and Layer user ID, at most 20


@dataclass(frozen=True)
class Unusable:
    """A user without a usable Layer user ID."""

    pk: Any
    reason: str


class Survey:
    """The results. They can be read several times inside the ``with`` block."""

    def __init__(self, app: LayerApp, database: sqlite3.Connection) -> None:
        self.app = app
        self.users = 0
        self.unusable_count = 0
        self._database = database
        self._database.executescript(_TABLES)

    @property
    def group_count(self) -> int:
        rows = self._database.execute(
            "SELECT COUNT(*) FROM (SELECT 1 FROM mapped GROUP BY key HAVING COUNT(*) > 1)"
        )
        return int(rows.fetchone()[0])

    def groups(self) -> Iterator[Group]:
        """Yield the groups that would collide. Read and map their users again."""
        for _key, members in groupby(self._members(), key=itemgetter(0)):
            group = _gather((pk, user_id) for _key, pk, user_id in members)
            if group.count > 1:  # users may have been deleted since they were read
                yield group

    def unusable(self) -> Iterator[Unusable]:
        """Yield the users without a usable Layer user ID."""
        rows = self._database.execute("SELECT pk, reason FROM unusable ORDER BY rowid")
        return (Unusable(pk, reason) for pk, reason in rows)

    def add_users(self, users: Iterable[Any]) -> None:
        """Map users and store the results."""
        mapped, unusable = [], []
        for user in users:
            self.users += 1
            user_id, reason = self._map(user)
            if user_id is None:
                unusable.append((_portable(user.pk), reason))
            else:
                key = _digest(collision_key(user_id))
                mapped.append((key, _digest(user_id), _portable(user.pk)))
        self.unusable_count += len(unusable)
        with self._database:
            self._database.executemany("INSERT INTO mapped VALUES (?, ?, ?)", mapped)
            self._database.executemany("INSERT INTO unusable VALUES (?, ?)", unusable)

    def create_index(self) -> None:
        self._database.execute("CREATE INDEX by_key ON mapped (key, digest)")

    def _map(self, user: Any) -> tuple[str | None, str]:
        try:
            return compute_user_id(MappingContext(user, self.app)), ""
        except UserIDUnavailable as exc:
            known = isinstance(exc.__cause__, LayerIdentityError)
            return None, str(exc.__cause__ if known else exc)
        except UserIDFailed as exc:
            if isinstance(exc.__cause__, ConfigurationError):
                raise exc.__cause__ from exc  # affects every user
            return None, f"USER_ID failed: {type(exc.__cause__).__name__}."

    def _members(self) -> Iterator[tuple[bytes, Any, str]]:
        rows = self._database.execute(_GROUPS)
        while page := rows.fetchmany(PAGE):
            users = _users().filter(pk__in=[pk for _key, pk in page])
            by_pk = {_portable(user.pk): user for user in users}
            for key, pk in page:
                user_id = self._map(by_pk[pk])[0] if pk in by_pk else None
                if user_id is not None:
                    yield key, by_pk[pk].pk, user_id


@contextmanager
def survey_users(
    app: LayerApp, progress: Callable[[int, int], None] = lambda done, total: None
) -> Iterator[Survey]:
    """
    Map every user for the app, and find collisions and users without a usable ID.

    Do not read the ledger, and write nothing to the database.

    :param progress: called with the number of users that are done, and the total.
    :raises ConfigurationError: if ``USER_ID`` or a related setting is invalid.
    :raises SurveyFailed: if the temporary file cannot be written.
    """
    # An empty name means a temporary file, deleted when the connection closes.
    with closing(sqlite3.connect("")) as database:
        try:
            survey = Survey(app, database)
            total = _users().count()
            for page in _pages():
                survey.add_users(page)
                progress(survey.users, max(total, survey.users))
            survey.create_index()
            yield survey
        except sqlite3.Error as exc:
            raise SurveyFailed(
                f"The temporary file cannot be written in {_temporary_folder()}. Set the "
                "environment variable TMPDIR to a folder that can be written and has "
                f"enough space. Reason: {exc}."
            ) from exc


def _temporary_folder() -> str:
    """Return the folder that SQLite chooses, or all that it tries."""
    names = [os.environ.get("SQLITE_TMPDIR"), os.environ.get("TMPDIR")]
    usual = ["/var/tmp", "/usr/tmp", "/tmp", os.getcwd()]  # noqa: S108  # nosec B108
    folders = [*filter(None, names), *usual]
    usable = (name for name in folders if os.access(name, os.W_OK | os.X_OK))
    return next(usable, ", ".join(folders))


def _gather(users: Iterator[tuple[Any, str]]) -> Group:
    """
    Return the group of these users. Keep only those that are shown, to save memory.

    :param users: primary keys and IDs. Users with the same ID are adjacent.
    """
    shown: list[tuple[Any, str]] = []
    differences, count, same = {"same"}, 0, 0
    for user_id, holders in groupby(users, key=itemgetter(1)):
        before = count
        for holder in holders:
            count += 1
            if count <= MAX_SHOWN:
                shown.append(holder)
        if count - before > 1:
            same += count - before
        # Compare with the first ID only: IDs with its form also have each other's form.
        differences.add(_difference(shown[0][1], user_id))
    shown.sort(key=itemgetter(0))
    return Group(max(differences, key=DIFFERENCES.index), count, same, shown)


def _difference(first: str, second: str) -> str:
    """Return the greatest difference between two IDs of the same group."""
    forms = zip(DIFFERENCES, _forms(first), _forms(second), strict=False)
    return next((name for name, a, b in forms if a == b), "phone format")


def collision_key(user_id: str) -> str:
    """Return a key that is equal for IDs that people or systems may confuse."""
    *_, text = _forms(user_id)
    if not _PHONE.fullmatch(text):
        return text
    try:
        return phone(text)
    except (UserIDUnavailable, ImportError):  # the extra may not be installed
        digits = re.sub(r"\D", "", text)
        international = text.lstrip("(").startswith(("+", "00"))
        return "+" + digits.lstrip("0") if international else digits


def _forms(user_id: str) -> tuple[str, str, str, str]:
    """Return the ID, then without its Unicode form, outer white space and case."""
    visible = user_id
    if not user_id.isascii():
        text = normalize("NFKC", user_id)
        visible = "".join(char for char in text if category(char) != "Cf")
    return user_id, visible, visible.strip(), casefold(visible).strip()


def _users() -> Any:
    model: Any = get_user_model()
    users = model._default_manager.using(router.db_for_write(model)).order_by("pk")
    relations = _relations(conf.USER_ID) + _relations(conf.USER_ID_VERIFIED)
    return users.select_related(*relations) if relations else users


def _relations(source: object) -> list[str]:
    """Return the names for ``select_related``, so that the path needs no query."""
    if not isinstance(source, str) or ":" in source:
        return []
    *names, _ = source.split(".")
    model: Any = get_user_model()
    for name in names:
        fields = {field.name: field for field in model._meta.get_fields()}
        field = fields.get(name)
        if not (field and (field.many_to_one or field.one_to_one)):
            return []
        model = field.related_model
    return ["__".join(names)] if names else []


def _pages() -> Iterator[list[Any]]:
    # Page by primary key: a cursor on MariaDB would load all users.
    page = list(_users()[:PAGE])
    while page:
        yield page
        page = list(_users().filter(pk__gt=page[-1].pk)[:PAGE])


def _digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()


def _portable(pk: Any) -> Any:
    return pk if isinstance(pk, int) else str(pk)  # UUIDs, for example
