"""The single query of the token path: app, active key and ledger entry."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db import router
from django.db.models import FilteredRelation, Q

from django_layer_identity.exceptions import (
    AppIDRequired,
    AppUnknown,
    InvalidIdentifier,
)
from django_layer_identity.models.app import LayerApp
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
    rows = LayerApp.objects.using(router.db_for_write(LayerApp)).filter(enabled=True)
    current = FilteredRelation("users", condition=Q(users__current_for=user_pk))
    rows = rows.alias(entry=current).select_related("active_key")
    rows = rows.select_related("entry")  # type: ignore[misc]  # mypy: not in alias()
    if app is None:
        return _issuing_row(_only_one(list(rows[:2])))
    try:
        wanted = app.identifier if isinstance(app, LayerApp) else AppID.parse(app)
    except InvalidIdentifier as exc:
        raise AppUnknown from exc
    found = rows.filter(app_id=wanted.uuid).first()
    if found is None or not found.identifier.matches(wanted):
        raise AppUnknown
    return _issuing_row(found)


def _only_one(apps: list[LayerApp]) -> LayerApp:
    if len(apps) > 1:
        raise AppIDRequired
    if not apps:
        raise AppUnknown
    return apps[0]


def _issuing_row(app: LayerApp) -> IssuingRow:
    # The app is given to callers, so it must not carry a user's entry.
    entry = vars(app).pop("entry", None)
    return IssuingRow(app, getattr(app, "active_key", None), entry)
