"""The decorator for rules, and the rules for the dict itself and its durations."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from difflib import get_close_matches
from functools import wraps
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning

from django_layer_identity.conf import LayerIdentitySettings, conf
from django_layer_identity.protocol.claims import (
    MAX_CLOCK_SKEW,
    MAX_LIFETIME,
    MIN_LIFETIME,
)

Rule = Callable[..., list[CheckMessage]]

KNOWN = [name for name in vars(LayerIdentitySettings) if name.isupper()]


def rule(number: str, *, hint: str) -> Callable[[Callable[..., Iterable[str]]], Rule]:
    """
    Turn a function that yields messages into a rule that returns check messages.

    :param number: the end of the check's ID. An E makes errors, a W makes warnings.
    :param hint: what to do, with a value that works.
    """
    level, id = Error if number[0] == "E" else Warning, f"layer_identity.{number}"

    def make_rule(find: Callable[..., Iterable[str]]) -> Rule:
        @wraps(find)
        def apply(*args: Any) -> list[CheckMessage]:
            return [level(message, hint=hint, id=id) for message in find(*args)]

        return apply

    return make_rule


@rule("E001", hint='For example: LAYER_IDENTITY = {"USER_ID": "get_username"}.')
def check_type() -> Iterator[str]:
    """Check the type first: the other rules need a dict."""
    value = getattr(settings, "LAYER_IDENTITY", {})
    if not isinstance(value, Mapping):
        # The value itself may hold secrets.
        yield f"LAYER_IDENTITY must be a dict, not {type(value).__name__}."


def _known_names() -> Iterator[CheckMessage]:
    for name in getattr(settings, "LAYER_IDENTITY", {}):
        if name not in KNOWN:
            yield Warning(
                f"LAYER_IDENTITY has the unknown key {name!r}. It has no effect.",
                hint=suggestion(str(name).upper(), KNOWN),
                id="layer_identity.W001",
            )


def suggestion(name: str, known: Collection[str]) -> str:
    """Return the hint for an unknown name."""
    close = get_close_matches(name, known, n=1)
    return (
        f"Did you mean {close[0]!r}?" if close else f"Known names: {', '.join(known)}."
    )


@rule("E002", hint="For example: datetime.timedelta(minutes=5).")
def _token_lifetime() -> Iterator[str]:
    lifetime: object = conf.TOKEN_LIFETIME
    if not (
        isinstance(lifetime, timedelta) and MIN_LIFETIME <= lifetime <= MAX_LIFETIME
    ):
        yield (
            "LAYER_IDENTITY['TOKEN_LIFETIME'] must be a timedelta from 30 seconds to 24 "
            f"hours, not {lifetime!r}."
        )


@rule("E003", hint="For example: datetime.timedelta(seconds=5).")
def _clock_skew() -> Iterator[str]:
    skew: object = conf.CLOCK_SKEW
    if not (isinstance(skew, timedelta) and timedelta(0) <= skew <= MAX_CLOCK_SKEW):
        yield (
            "LAYER_IDENTITY['CLOCK_SKEW'] must be a timedelta from 0 to 5 minutes, "
            f"not {skew!r}."
        )


RULES = (_known_names, _token_lifetime, _clock_skew)
