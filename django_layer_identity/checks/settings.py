"""What makes a rule, and the rules for the dict itself and the times in it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from difflib import get_close_matches
from functools import wraps
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning

from django_layer_identity.conf import LayerIdentitySettings, conf
from django_layer_identity.protocol.claims import MAX_CLOCK_SKEW, MAX_LIFETIME

Rule = Callable[..., list[CheckMessage]]

KNOWN = [name for name in vars(LayerIdentitySettings) if name.isupper()]


def rule(number: str, *, hint: str) -> Callable[[Callable[..., Iterable[str]]], Rule]:
    """
    Make a rule of a function that yields what is wrong.

    :param number: of the ID; an E makes errors of what is yielded, a W warnings.
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
    """Without a dict, no other rule can be applied."""
    if not isinstance(getattr(settings, "LAYER_IDENTITY", {}), Mapping):
        yield "LAYER_IDENTITY must be a dict."


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


@rule("E002", hint="For example: datetime.timedelta(minutes=5).")
def _token_lifetime() -> Iterator[str]:
    lifetime: object = conf.TOKEN_LIFETIME
    if not (
        isinstance(lifetime, timedelta) and timedelta(0) < lifetime <= MAX_LIFETIME
    ):
        yield "LAYER_IDENTITY['TOKEN_LIFETIME'] must be a timedelta of up to 24 hours."


@rule("E003", hint="For example: datetime.timedelta(seconds=5).")
def _clock_skew() -> Iterator[str]:
    skew: object = conf.CLOCK_SKEW
    if not (isinstance(skew, timedelta) and timedelta(0) <= skew <= MAX_CLOCK_SKEW):
        yield "LAYER_IDENTITY['CLOCK_SKEW'] must be a timedelta of up to 5 minutes."


RULES = (_known_names, _token_lifetime, _clock_skew)
