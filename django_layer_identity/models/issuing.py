"""The single query of the token path: app, active key and ledger entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from django.db import models, router
from django.db.models import FilteredRelation, Q

from django_layer_identity.exceptions import (
    AppIDRequired,
    AppUnknown,
    InvalidIdentifier,
)
from django_layer_identity.models.app import LayerApp
from django_layer_identity.models.compiled import CompiledQuery, Row
from django_layer_identity.models.key import SigningKey
from django_layer_identity.models.user import LayerUser
from django_layer_identity.protocol.identifiers import AppID


@dataclass(frozen=True)
class IssuingRow:
    """An enabled app, its active key and the user's current ledger entry."""

    app: LayerApp
    key: SigningKey | None
    entry: LayerUser | None = field(repr=False)


def get_for_issuing(app: LayerApp | str | None, user_pk: object) -> IssuingRow:
    """
    Read the app, its active key and the user's entry from the write database.

    :param app: a Layer app, an app ID in any form, or None for the only one.
    :raises AppIDRequired: if None was given and several are enabled.
    :raises AppUnknown: if there is no such app, or it is disabled.
    """
    wanted = None if app is None else _parse(app)
    found = _read(user_pk, wanted)
    if len(found) > 1:
        raise AppIDRequired
    if not found or (wanted and not found[0].app.identifier.matches(wanted)):
        raise AppUnknown
    return found[0]


def _read(user_pk: object, wanted: AppID | None) -> list[IssuingRow]:
    """Return the app with this ID, or the first two; objects, whose repr is harmless."""
    using = router.db_for_write(LayerApp)
    if wanted is None:
        rows = _first_two.rows(using, user_pk)
    else:
        rows = _with_app_id.rows(using, user_pk, wanted.uuid)
    return [_issuing_row(using, row) for row in rows]


def compile_queries() -> None:
    """Compile the queries of :func:`get_for_issuing` before they are needed."""
    using = router.db_for_write(LayerApp)
    # Two values that differ, so that each is found in the SQL. The user's primary key is
    # not 0, because MariaDB refuses 0 for an AutoField.
    user_pk = _CURRENT_FOR.to_python(1)
    _first_two.compile(using, user_pk)
    _with_app_id.compile(using, user_pk, uuid4())


def _parse(app: LayerApp | str) -> AppID:
    try:
        return app.identifier if isinstance(app, LayerApp) else AppID.parse(app)
    except InvalidIdentifier as exc:
        raise AppUnknown from exc


def _names(model: type[models.Model]) -> list[str]:
    return [column.attname for column in model._meta.concrete_fields]


_APP, _KEY, _ENTRY = _names(LayerApp), _names(SigningKey), _names(LayerUser)
_COLUMNS = [
    *_APP,
    *(f"active_key__{name}" for name in _KEY),
    *(f"entry__{name}" for name in _ENTRY),
]


def _enabled_apps(user_pk: object, **wanted: object) -> Any:
    current = FilteredRelation("users", condition=Q(users__current_for=user_pk))
    rows: Any = LayerApp.objects.filter(enabled=True, **wanted)
    return rows.alias(entry=current).values_list(*_COLUMNS)


_CURRENT_FOR: Any = LayerUser._meta.get_field("current_for")
_APP_ID: Any = LayerApp._meta.get_field("app_id")
_first_two = CompiledQuery(
    lambda user_pk: _enabled_apps(user_pk)[:2],
    _CURRENT_FOR,
)
_with_app_id = CompiledQuery(
    lambda user_pk, app_id: _enabled_apps(user_pk, app_id=app_id),
    *(_CURRENT_FOR, _APP_ID),
)


def _issuing_row(using: str, row: Row) -> IssuingRow:
    end = len(_APP) + len(_KEY)
    app = LayerApp.from_db(using, _APP, row[: len(_APP)])
    key = _from_db(SigningKey, using, _KEY, row[len(_APP) : end])
    return IssuingRow(app, key, _from_db(LayerUser, using, _ENTRY, row[end:]))


def _from_db(model: Any, using: str, names: Sequence[str], values: Row) -> Any:
    """Return an object of the model, or None if the join found no row."""
    pk = values[names.index(model._meta.pk.attname)]
    return None if pk is None else model.from_db(using, names, values)
