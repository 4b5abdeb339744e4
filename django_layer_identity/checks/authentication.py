"""Authentication classes: passwords, sessions, or none at all."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Warning
from django.utils.module_loading import import_string

from django_layer_identity.checks.throttling import rates_complaint
from django_layer_identity.conf import conf

BASIC = "rest_framework.authentication.BasicAuthentication"
BODY = "django_layer_identity.api.authentication.BodyCredentialsAuthentication"
SESSION = "rest_framework.authentication.SessionAuthentication"
#: Apps that ask for a second factor, each in views of its own.
MFA_APPS = (
    "allauth.mfa",
    "deux",
    "django_mfa",
    "django_otp",
    "kagi",
    "mfa",
    "multifactor",
    "trench",
    "two_factor",
)


def _second_factors() -> list[CheckMessage]:
    found = [name for name in MFA_APPS if apps.is_installed(name)]
    if not found or not any(_is(kind, BODY) for kind in _classes()):
        return []
    return [
        Warning(
            "A password in the body is enough for an identity token, whatever second "
            f"factor {found[0]} asks for elsewhere.",
            hint=(
                "Let clients log in where the second factor is asked for, and remove "
                "BodyCredentialsAuthentication."
            ),
            id="layer_identity.W042",
        )
    ]


def _nobody() -> list[CheckMessage]:
    if _entries() != []:
        return []
    return [
        Warning(
            "No authentication class is configured: every request is refused.",
            hint=(
                "Name a class in LAYER_IDENTITY['AUTHENTICATION_CLASSES'], or remove "
                "the setting for REST framework's default."
            ),
            id="layer_identity.W045",
        )
    ]


def _uncounted_passwords() -> list[CheckMessage]:
    if rates_complaint() or conf.THROTTLE_RATES["failures"] is not None:
        return []
    if not any(_is(kind, one) for kind in _classes() for one in (BASIC, BODY)):
        return []
    return [
        Warning(
            "Passwords can be guessed without a limit: requests carry them, and "
            "LAYER_IDENTITY['THROTTLE_RATES']['failures'] is None.",
            hint='Remove it: "20/min" is the default.',
            id="layer_identity.W043",
        )
    ]


def _sessions_without_csrf() -> list[CheckMessage]:
    return [
        Warning(
            f"{_path(kind)} replaces enforce_csrf(): other sites may ask for tokens "
            "with a user's session.",
            hint=f"Use {SESSION}, which checks the CSRF token.",
            id="layer_identity.W044",
        )
        for kind in _classes()
        if _is(kind, SESSION) and _owner(kind, "enforce_csrf") != SESSION
    ]


def _entries() -> list[Any] | None:
    """Return what is configured for our endpoint, or None if that is no list."""
    entries: object = conf.AUTHENTICATION_CLASSES
    if entries is None:
        rest_framework = getattr(settings, "REST_FRAMEWORK", {})
        default = (SESSION, BASIC)
        entries = rest_framework.get("DEFAULT_AUTHENTICATION_CLASSES", default)
    if isinstance(entries, str) or not isinstance(entries, Sequence):
        return None
    return list(entries)


def _classes() -> list[type]:
    found = []
    for entry in _entries() or ():
        with suppress(ImportError):  # another rule reports it, or DRF
            found.append(import_string(entry) if isinstance(entry, str) else entry)
    return [one for one in found if isinstance(one, type)]


def _is(kind: type, path: str) -> bool:
    return path in map(_path, kind.__mro__)


def _owner(kind: type, name: str) -> str:
    """Return the class that a method comes from."""
    return next(_path(one) for one in kind.__mro__ if name in vars(one))


def _path(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


RULES = (_second_factors,)
DEPLOYMENT_RULES = (_nobody, _uncounted_passwords, _sessions_without_csrf)
