"""Who may ask, and what answers besides our endpoint."""

from __future__ import annotations

from collections.abc import Sequence

from django.apps import apps
from django.core.checks import CheckMessage, Error, Warning
from django.utils.module_loading import import_string

from django_layer_identity.conf import conf


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


RULES = (_classes,)
DEPLOYMENT_RULES = (_sandbox_answers,)
