"""The dict itself, and the times in it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from difflib import get_close_matches

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning

from django_layer_identity.conf import LayerIdentitySettings, conf
from django_layer_identity.protocol.claims import MAX_CLOCK_SKEW, MAX_LIFETIME

KNOWN = [name for name in vars(LayerIdentitySettings) if name.isupper()]


def check_type() -> Iterator[CheckMessage]:
    """Without a dict, no other rule can be applied."""
    if not isinstance(getattr(settings, "LAYER_IDENTITY", {}), Mapping):
        yield Error(
            "LAYER_IDENTITY must be a dict.",
            hint='For example: LAYER_IDENTITY = {"USER_ID": "get_username"}.',
            id="layer_identity.E001",
        )


def _known_names() -> Iterator[CheckMessage]:
    for name in getattr(settings, "LAYER_IDENTITY", {}):
        if name not in KNOWN:
            yield Warning(
                f"LAYER_IDENTITY has an unknown key {name!r}.",
                hint=suggestion(str(name).upper(), KNOWN),
                id="layer_identity.W001",
            )


def suggestion(name: str, known: Collection[str]) -> str:
    """Return the hint for a name that is not among the known ones."""
    close = get_close_matches(name, known, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(known)}."


def _token_lifetime() -> Iterator[CheckMessage]:
    lifetime: object = conf.TOKEN_LIFETIME
    if not (
        isinstance(lifetime, timedelta) and timedelta(0) < lifetime <= MAX_LIFETIME
    ):
        yield Error(
            "LAYER_IDENTITY['TOKEN_LIFETIME'] must be a timedelta of up to 24 hours.",
            hint="For example: datetime.timedelta(minutes=5).",
            id="layer_identity.E002",
        )


def _clock_skew() -> Iterator[CheckMessage]:
    skew: object = conf.CLOCK_SKEW
    if not (isinstance(skew, timedelta) and timedelta(0) <= skew <= MAX_CLOCK_SKEW):
        yield Error(
            "LAYER_IDENTITY['CLOCK_SKEW'] must be a timedelta of up to 5 minutes.",
            hint="For example: datetime.timedelta(seconds=5).",
            id="layer_identity.E003",
        )


RULES = (_known_names, _token_lifetime, _clock_skew)
