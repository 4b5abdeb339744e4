"""The data that Layer stored: the project's apps, their providers and public keys."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import router
from django.utils import timezone

from django_layer_identity.exceptions import InvalidIdentifier, InvalidToken
from django_layer_identity.models import LayerApp
from django_layer_identity.protocol.identifiers import AppID, KeyID
from django_layer_identity.protocol.validation import (
    ValidatedToken,
    validate_identity_token,
)
from django_layer_identity.sandbox.endpoint import InvalidAppID


class Registration(NamedTuple):
    """A Layer app with one of its keys, or with None in the key's fields."""

    app_id: UUID
    environment: str
    provider_id: UUID
    enabled: bool
    key_id: UUID | None
    public_key: str  # None if the app has no keys; no look-up finds such a row
    revoked_at: datetime | None


Registrations = list[Registration]


def load_registrations() -> Registrations:
    """Read every app with its keys, in one query to the write database."""
    app = "app_id", "environment", "provider_id", "enabled"
    key = "keys__key_id", "keys__public_key", "keys__revoked_at"
    apps = LayerApp.objects.using(router.db_for_write(LayerApp))
    return [Registration(*row) for row in apps.values_list(*app, *key)]


def find_app(registrations: Registrations, app_id: object) -> Registration:
    """
    Return a registration of the app that the client names.

    :raises InvalidAppID: if it is not an app ID, or no enabled app has it.
    """
    try:
        wanted = AppID.parse(app_id)
    except InvalidIdentifier as exc:
        raise InvalidAppID(f"The app_id is malformed. {exc}") from exc
    for row in registrations:
        if row.enabled and wanted.matches(AppID(row.app_id, row.environment)):
            return row
    raise InvalidAppID(
        "No enabled Layer app here has this app_id. Compare the UUID and the "
        "environment with the Layer apps in the admin."
    )


def check_identity_token(
    token: object, app: Registration, registrations: Registrations
) -> ValidatedToken:
    """
    Check everything in the token except its nonce, and return the token's content.

    :raises InvalidToken: if Layer would refuse the token. It contains Layer's code.
    """
    validated = validate_identity_token(
        token,
        find_public_key=lambda key_id: _find_public_key(key_id, app, registrations),
        now=timezone.now(),
    )
    _check_provider(validated, app, registrations)
    return validated


def _find_public_key(key_id: KeyID, app: Registration, rows: Registrations) -> str:
    key = _find_key(key_id, app, rows)
    if key.revoked_at is not None:
        raise InvalidToken(
            "eit_key_disabled",
            "The signing key that the token's “kid” names was revoked. Activate "
            "another one and issue a new token.",
        )
    return key.public_key


def _find_key(key_id: KeyID, app: Registration, rows: Registrations) -> Registration:
    known = [row for row in rows if row.key_id == key_id.uuid]
    if not known:
        raise InvalidToken(
            "eit_key_not_found",
            "No signing key here has the key ID in the token's “kid”. A key ID starts "
            "with layer:///keys/. Layer shows it beside the key.",
        )
    # Staging and production may share a key. Prefer the app's own row, then a row of its
    # provider. Among equal rows prefer a revoked one, which is the safe choice.
    return min(
        known,
        key=lambda row: (
            row.app_id != app.app_id,
            row.provider_id != app.provider_id,
            row.revoked_at is None,
        ),
    )


def _check_provider(
    validated: ValidatedToken, app: Registration, rows: Registrations
) -> None:
    provider_id = validated.provider_id.uuid
    if provider_id not in {row.provider_id for row in rows}:
        raise InvalidToken(
            "eit_provider_not_found",
            "No Layer app here has the provider ID in the token's “iss”. Compare it "
            "with the Layer apps in the admin.",
        )
    if provider_id != app.provider_id:
        raise InvalidToken(
            "eit_provider_not_bound_to_app",
            "The provider ID in the token's “iss” belongs to a different Layer app than "
            "the app_id of this request. Issue the token for the same app.",
        )
    if _find_key(validated.key_id, app, rows).provider_id != provider_id:
        raise InvalidToken(
            "eit_key_not_found",
            "The signing key in the token's “kid” belongs to a different provider than "
            "the token's “iss”. Issue the token with a key of the same provider.",
        )
