"""System checks: one function a rule, one ID a rule, and no database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from difflib import get_close_matches
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, Warning
from django.utils.module_loading import import_string

from django_layer_identity.conf import LayerIdentitySettings, conf
from django_layer_identity.exceptions import ConfigurationError
from django_layer_identity.keys.encryption import MIN_ENTRY_LENGTH
from django_layer_identity.mapping.attributes import import_callable
from django_layer_identity.protocol.claims import (
    MAX_CLOCK_SKEW,
    MAX_LIFETIME,
    PROFILE_CLAIMS,
)

KNOWN = [name for name in vars(LayerIdentitySettings) if name.isupper()]


def register() -> None:
    """Hand the rules to Django; called once, from the app's ``ready()``."""
    checks.register(check_settings, "layer_identity")
    checks.register(check_deployment, Tags.security, deploy=True)


def check_settings(**kwargs: Any) -> list[CheckMessage]:
    """Apply each rule to ``settings.LAYER_IDENTITY``."""
    found = _is_mapping()
    if found:
        return found
    return [message for rule in RULES for message in rule()]


def check_deployment(**kwargs: Any) -> list[CheckMessage]:
    """Apply the rules that matter where strangers can reach the project."""
    if _is_mapping():
        return []  # said already
    return _sandbox_answers() + _encryption_keys_set()


def _is_mapping() -> list[CheckMessage]:
    if isinstance(getattr(settings, "LAYER_IDENTITY", {}), Mapping):
        return []
    return [
        Error(
            "LAYER_IDENTITY must be a dict.",
            hint='For example: LAYER_IDENTITY = {"USER_ID": "get_username"}.',
            id="layer_identity.E001",
        )
    ]


def _known_names() -> list[CheckMessage]:
    return [
        Warning(
            f"LAYER_IDENTITY has an unknown key {name!r}.",
            hint=_suggest(str(name)),
            id="layer_identity.W001",
        )
        for name in getattr(settings, "LAYER_IDENTITY", {})
        if name not in KNOWN
    ]


def _suggest(name: str) -> str:
    close = get_close_matches(name.upper(), KNOWN, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(KNOWN)}."


def _token_lifetime() -> list[CheckMessage]:
    lifetime: object = conf.TOKEN_LIFETIME
    if isinstance(lifetime, timedelta) and timedelta(0) < lifetime <= MAX_LIFETIME:
        return []
    return [
        Error(
            "LAYER_IDENTITY['TOKEN_LIFETIME'] must be a timedelta of up to 24 hours.",
            hint="For example: datetime.timedelta(minutes=5).",
            id="layer_identity.E002",
        )
    ]


def _clock_skew() -> list[CheckMessage]:
    skew: object = conf.CLOCK_SKEW
    if isinstance(skew, timedelta) and timedelta(0) <= skew <= MAX_CLOCK_SKEW:
        return []
    return [
        Error(
            "LAYER_IDENTITY['CLOCK_SKEW'] must be a timedelta of up to 5 minutes.",
            hint="For example: datetime.timedelta(seconds=5).",
            id="layer_identity.E003",
        )
    ]


def _encryption_keys() -> list[CheckMessage]:
    entries: object = conf.KEY_ENCRYPTION_KEYS
    if isinstance(entries, (list, tuple)) and all(map(_is_long_enough, entries)):
        return []
    return [
        Error(
            "LAYER_IDENTITY['KEY_ENCRYPTION_KEYS'] must be a list of strings of "
            f"{MIN_ENTRY_LENGTH} characters or more.",
            hint="“manage.py layer_encryption_key” makes one.",
            id="layer_identity.E004",
        )
    ]


def _is_long_enough(entry: object) -> bool:
    return isinstance(entry, str) and len(entry) >= MIN_ENTRY_LENGTH


def _user_id() -> list[CheckMessage]:
    complaint = _complaint(conf.USER_ID)
    if complaint is None:
        return []
    return [
        Error(
            f"LAYER_IDENTITY['USER_ID'] leads nowhere: {complaint}",
            hint=(
                'An attribute path such as "username" or "profile.phone_number", a '
                'callable, or "module:function".'
            ),
            id="layer_identity.E005",
        )
    ]


def _claims() -> list[CheckMessage]:
    claims: object = conf.CLAIMS
    if isinstance(claims, Mapping) and all(name in PROFILE_CLAIMS for name in claims):
        return []
    return [
        Error(
            "LAYER_IDENTITY['CLAIMS'] must be a dict of claims that Layer knows.",
            hint=f"Known: {', '.join(PROFILE_CLAIMS)}.",
            id="layer_identity.E006",
        )
    ]


def _claim_sources() -> list[CheckMessage]:
    configured = getattr(settings, "LAYER_IDENTITY", {}).get("CLAIMS")
    if not isinstance(configured, Mapping):
        return []
    complaints = {name: _complaint(source) for name, source in configured.items()}
    return [
        Warning(
            f"The claim {name!r} is always left out: {complaint}",
            hint="Correct or remove it in LAYER_IDENTITY['CLAIMS'].",
            id="layer_identity.W002",
        )
        for name, complaint in complaints.items()
        if complaint is not None
    ]


def _classes() -> list[CheckMessage]:
    return [
        Error(
            f"LAYER_IDENTITY[{name!r}] must be a list of classes or their dotted paths.",
            hint='For example: ["rest_framework.authentication.TokenAuthentication"].',
            id="layer_identity.E007",
        )
        for name, value in (
            ("AUTHENTICATION_CLASSES", conf.AUTHENTICATION_CLASSES or []),
            ("PERMISSION_CLASSES", conf.PERMISSION_CLASSES),
        )
        if not _are_classes(value)
    ]


def _are_classes(value: object) -> bool:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return False
    try:
        found = [import_string(one) if isinstance(one, str) else one for one in value]
    except ImportError:
        return False
    return all(isinstance(one, type) for one in found)


RULES: tuple[Callable[[], list[CheckMessage]], ...] = (
    _known_names,
    _token_lifetime,
    _clock_skew,
    _encryption_keys,
    _user_id,
    _claims,
    _claim_sources,
    _classes,
)


def _complaint(source: object) -> str | None:
    """Say why a source of values cannot work, as far as that shows without a user."""
    if callable(source):
        return None
    if not isinstance(source, str):
        return f"it is a {type(source).__name__}."
    if ":" in source:
        try:
            import_callable(source)
        except ConfigurationError as exc:
            return str(exc)
        return None
    name, model = source.partition(".")[0], get_user_model()
    if hasattr(model, name):
        return None
    return f"{model.__name__} has no {name!r}."


def _sandbox_answers() -> list[CheckMessage]:
    if not (
        apps.is_installed("django_layer_identity.sandbox") and conf.sandbox_enabled
    ):
        return []
    return [
        Warning(
            "The sandbox answers: whoever reaches it can use it in Layer's place.",
            hint=(
                "Remove django_layer_identity.sandbox from INSTALLED_APPS, or set "
                "DEBUG to False and LAYER_IDENTITY['SANDBOX'] to None."
            ),
            id="layer_identity.W003",
        )
    ]


def _encryption_keys_set() -> list[CheckMessage]:
    if conf.KEY_ENCRYPTION_KEYS:
        return []
    return [
        Warning(
            "LAYER_IDENTITY['KEY_ENCRYPTION_KEYS'] is empty: no signing key can be "
            "stored or used.",
            hint="“manage.py layer_encryption_key” makes an entry.",
            id="layer_identity.W004",
        )
    ]
