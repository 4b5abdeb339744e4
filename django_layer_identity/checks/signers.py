"""What keeps private keys elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.core.checks import CheckMessage, Error
from django.views.debug import SafeExceptionReporterFilter

from django_layer_identity.conf import conf
from django_layer_identity.exceptions import ConfigurationError
from django_layer_identity.keys.custodies import MAX_ALIAS_LENGTH, make_custody

_SECRET = re.compile(r"(^|_)(PIN|PASSWORD|PASSPHRASE|SECRET|PRIVATE_KEY)$", re.I)


def _signers() -> list[CheckMessage]:
    signers: object = conf.SIGNERS
    if isinstance(signers, Mapping) and all(map(_is_alias, signers)):
        return [message for item in signers.items() for message in _entry(*item)]
    return [
        Error(
            "LAYER_IDENTITY['SIGNERS'] must be a dict, and its keys aliases of up to "
            f"{MAX_ALIAS_LENGTH} characters.",
            hint='For example: {"hsm": {"BACKEND": "…", "OPTIONS": {…}}}.',
            id="layer_identity.E015",
        )
    ]


def _is_alias(alias: object) -> bool:
    return isinstance(alias, str) and 0 < len(alias) <= MAX_ALIAS_LENGTH


def _entry(alias: str, entry: Any) -> list[CheckMessage]:
    """Name the first thing that is wrong with an entry; values are shown nowhere."""
    name = f"LAYER_IDENTITY['SIGNERS'][{alias!r}]"
    if not _is_entry(entry):
        return [
            Error(
                f"{name} must be a dict with BACKEND and, if need be, OPTIONS.",
                hint='For example: {"BACKEND": "…", "OPTIONS": {…}}.',
                id="layer_identity.E016",
            )
        ]
    options = entry.get("OPTIONS", {})
    return _inline(name, options) or _shown(name, options) or _made(alias, entry)


def _is_entry(entry: object) -> bool:
    return (
        isinstance(entry, Mapping)
        and "BACKEND" in entry
        and set(entry) <= {"BACKEND", "OPTIONS"}
        and isinstance(entry.get("OPTIONS", {}), Mapping)
    )


def _inline(name: str, options: Mapping[str, Any]) -> list[CheckMessage]:
    return [
        Error(
            f"{name} has a secret in its OPTIONS: {option}.",
            hint="Name the file it is in (PIN_FILE), or the variable (PIN_ENV).",
            id="layer_identity.E017",
        )
        for option in options
        if _SECRET.search(str(option))
    ]


def _shown(name: str, options: Mapping[str, Any]) -> list[CheckMessage]:
    variable = str(options.get("PIN_ENV") or "SECRET")
    if SafeExceptionReporterFilter().cleanse_setting(variable, "shown") != "shown":
        return []
    return [
        Error(
            f"{name}: Django's error pages show the variable {variable!r}, where the "
            "PIN is.",
            hint="Django hides those with SECRET or PASS in their names: rename it.",
            id="layer_identity.E018",
        )
    ]


def _made(alias: str, entry: Mapping[str, Any]) -> list[CheckMessage]:
    try:
        make_custody(alias, entry)
    except ConfigurationError as exc:
        return [
            Error(
                f"LAYER_IDENTITY['SIGNERS'] is of no use. {exc}",
                hint="The page on HSMs in the documentation lists what belongs there.",
                id="layer_identity.E019",
            )
        ]
    return []


RULES = (_signers,)
