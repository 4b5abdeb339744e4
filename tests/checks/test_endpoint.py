from __future__ import annotations

import pytest
from django.core.checks import Error, Warning

from tests.checks import deployed, found


@pytest.mark.parametrize("name", ["AUTHENTICATION_CLASSES", "PERMISSION_CLASSES"])
@pytest.mark.parametrize(
    "value",
    [
        "rest_framework.permissions.AllowAny",
        7,
        [7],
        ["rest_framework.permissions.AllowAnyone"],
        ["rest_framework.nowhere.AllowAny"],
        ["AllowAny"],
        ["rest_framework.permissions.SAFE_METHODS"],
    ],
)
def test_classes_come_in_a_list(settings, name, value):
    assert found(settings, **{name: value}) == [
        Error(
            f"LAYER_IDENTITY[{name!r}] must be a list of classes or their dotted paths.",
            hint='For example: ["rest_framework.authentication.TokenAuthentication"].',
            id="layer_identity.E007",
        )
    ]


SANDBOX_ANSWERS = Warning(
    "The sandbox answers: whoever reaches it can use it in Layer's place.",
    hint=(
        "Remove django_layer_identity.sandbox from INSTALLED_APPS, or set DEBUG to "
        "False and LAYER_IDENTITY['SANDBOX'] to None."
    ),
    id="layer_identity.W003",
)


def test_a_sandbox_that_answers_is_named_before_going_live(settings):
    assert deployed(settings, SANDBOX=True) == [SANDBOX_ANSWERS]


def test_a_sandbox_that_answers_by_debug_is_named_too(settings):
    settings.DEBUG = True

    assert deployed(settings) == [SANDBOX_ANSWERS]


def test_a_sandbox_that_is_silent_is_fine(settings):
    assert deployed(settings) == []


def test_a_project_without_the_sandbox_is_fine(settings):
    settings.INSTALLED_APPS = [
        name for name in settings.INSTALLED_APPS if not name.endswith(".sandbox")
    ]

    assert deployed(settings, SANDBOX=True) == []
