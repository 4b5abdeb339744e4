"""Receivers of the signals; a project connects them in ``ready()``."""

from __future__ import annotations

from django.contrib.auth.models import User

from django_layer_identity.models import LayerApp
from django_layer_identity.signals import (
    identity_token_issued,
    identity_token_refused,
)

outcomes: list[str] = []


def note_token(
    sender: type[LayerApp], *, user: User, app: LayerApp, **kwargs: object
) -> None:
    outcomes.append(f"{user.get_username()} entered {app.name}")


def note_refusal(sender: type[LayerApp], *, code: str, **kwargs: object) -> None:
    outcomes.append(code)


def connect() -> None:
    identity_token_issued.connect(note_token, sender=LayerApp)
    identity_token_refused.connect(note_refusal, sender=LayerApp)


def disconnect() -> None:
    identity_token_issued.disconnect(note_token, sender=LayerApp)
    identity_token_refused.disconnect(note_refusal, sender=LayerApp)
