"""Passwords in the body, and what they go round."""

from __future__ import annotations

from collections.abc import Sequence

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Warning
from django.utils.module_loading import import_string

from django_layer_identity.conf import conf

BODY_CREDENTIALS = (
    "django_layer_identity.api.authentication.BodyCredentialsAuthentication"
)
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
    if not found or not _takes_body_credentials():
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


def _takes_body_credentials() -> bool:
    entries: object = conf.AUTHENTICATION_CLASSES
    if entries is None:
        rest_framework = getattr(settings, "REST_FRAMEWORK", {})
        entries = rest_framework.get("DEFAULT_AUTHENTICATION_CLASSES", ())
    if isinstance(entries, str) or not isinstance(entries, Sequence):
        return False
    return any(_is_body_credentials(entry) for entry in entries)


def _is_body_credentials(entry: object) -> bool:
    try:
        kind = import_string(entry) if isinstance(entry, str) else entry
    except ImportError:  # told by another rule, or by DRF
        return False
    bases = getattr(kind, "__mro__", ())
    return BODY_CREDENTIALS in [f"{one.__module__}.{one.__name__}" for one in bases]


RULES = (_second_factors,)
