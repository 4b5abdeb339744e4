"""The data that Layer stored: the project's apps, their providers and public keys."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import router
from django.utils import timezone

from django_layer_identity.exceptions import InvalidIdentifier
from django_layer_identity.models import LayerApp, SigningKey
from django_layer_identity.protocol.explain import Inspection
from django_layer_identity.protocol.identifiers import AppID
from django_layer_identity.protocol.known_keys import KnownKey
from django_layer_identity.sandbox.endpoint import InvalidAppID


@dataclass(frozen=True)
class Registrations:
    """The Layer apps of the project and their keys, as Layer would know them."""

    apps: list[LayerApp]
    keys: list[KnownKey]


def load_registrations() -> Registrations:
    """Read every app and every key that has a key ID from the write database."""
    apps = list(LayerApp.objects.using(router.db_for_write(LayerApp)))
    keys = SigningKey.objects.using(router.db_for_write(SigningKey))
    with_id = keys.filter(key_id__isnull=False).select_related("app")
    return Registrations(apps, [key.as_known_key() for key in with_id])


def find_app(registrations: Registrations, app_id: object) -> LayerApp:
    """
    Return the app that the client names.

    :raises InvalidAppID: if it is not an app ID, or no enabled app has it.
    """
    try:
        wanted = AppID.parse(app_id)
    except InvalidIdentifier as exc:
        raise InvalidAppID(f"The app_id is malformed. {exc}") from exc
    for app in registrations.apps:
        if app.enabled and wanted.matches(app.identifier):
            return app
    raise InvalidAppID(
        "No enabled Layer app here has this app_id. Compare the UUID and the "
        "environment with the Layer apps in the admin."
    )


def inspect_token(
    token: object, app: LayerApp, registrations: Registrations
) -> Inspection:
    """Return the inspection of a token for this app, by Layer's rules."""
    return Inspection(
        token,
        keys=tuple(registrations.keys),
        app=app.identifier,
        provider=app.provider,
        providers=frozenset(other.provider for other in registrations.apps),
        now=timezone.now(),
    )
