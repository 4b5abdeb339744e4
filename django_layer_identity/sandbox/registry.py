"""Find the app that a client names."""

from __future__ import annotations

from django_layer_identity.exceptions import InvalidIdentifier
from django_layer_identity.models import LayerApp
from django_layer_identity.models.registrations import Registrations
from django_layer_identity.protocol.identifiers import AppID
from django_layer_identity.sandbox.endpoint import InvalidAppID


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
