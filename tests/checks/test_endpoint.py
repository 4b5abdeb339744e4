from __future__ import annotations

import pytest
from django.core.checks import Error, Warning

from tests.checks import deployed, found

ALLOW_ANY = "rest_framework.permissions.AllowAny"


@pytest.mark.parametrize("name", ["AUTHENTICATION_CLASSES", "PERMISSION_CLASSES"])
@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (ALLOW_ANY, f", not '{ALLOW_ANY}'."),
        (7, ", not 7."),
        ([7], ", but 7 does not name a class."),
        *(
            ([ALLOW_ANY, path], f", but '{path}' does not name a class.")
            for path in (
                "rest_framework.permissions.AllowAnyone",
                "rest_framework.nowhere.AllowAny",
                "AllowAny",
                "rest_framework.permissions.SAFE_METHODS",
            )
        ),
    ],
)
def test_class_settings_are_lists_of_classes(settings, name, value, problem):
    assert found(settings, **{name: value}) == [
        Error(
            f"LAYER_IDENTITY[{name!r}] must be a list of classes or dotted paths{problem}",
            hint='For example: ["rest_framework.authentication.TokenAuthentication"].',
            id="layer_identity.E007",
        )
    ]


SANDBOX_IS_ENABLED = Warning(
    "The sandbox is enabled: every client that can reach it can use it in place of Layer.",
    hint=(
        "Remove django_layer_identity.sandbox from INSTALLED_APPS, or set DEBUG to "
        "False and LAYER_IDENTITY['SANDBOX'] to None."
    ),
    id="layer_identity.W003",
)


def test_deploy_reports_an_enabled_sandbox(settings):
    assert deployed(settings, SANDBOX=True) == [SANDBOX_IS_ENABLED]


def test_deploy_reports_a_sandbox_enabled_by_debug(settings):
    settings.DEBUG = True

    assert deployed(settings) == [SANDBOX_IS_ENABLED]


def test_a_disabled_sandbox_is_accepted(settings):
    assert deployed(settings) == []


def test_a_project_without_the_sandbox_is_accepted(settings):
    settings.INSTALLED_APPS = [
        name for name in settings.INSTALLED_APPS if not name.endswith(".sandbox")
    ]

    assert deployed(settings, SANDBOX=True) == []
