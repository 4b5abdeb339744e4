from __future__ import annotations

import pytest
from django.apps import apps
from django.core.checks import Warning

from django_layer_identity.api.authentication import BodyCredentialsAuthentication
from tests.checks import found

BODY = "django_layer_identity.api.authentication.BodyCredentialsAuthentication"
TOKEN = "rest_framework.authentication.TokenAuthentication"


class Ours(BodyCredentialsAuthentication):
    pass


@pytest.fixture
def otp(monkeypatch):
    """django-otp, as far as the registry of apps is concerned."""
    monkeypatch.setattr(apps, "is_installed", lambda name: name == "django_otp")


def warning():
    return Warning(
        "A password in the body is enough for an identity token, whatever second "
        "factor django_otp asks for elsewhere.",
        hint=(
            "Let clients log in where the second factor is asked for, and remove "
            "BodyCredentialsAuthentication."
        ),
        id="layer_identity.W042",
    )


@pytest.mark.parametrize("entry", [BODY, BodyCredentialsAuthentication, Ours])
def test_a_password_that_goes_round_a_second_factor_is_named(settings, otp, entry):
    assert found(settings, AUTHENTICATION_CLASSES=[TOKEN, entry]) == [warning()]


def test_so_it_is_where_the_projects_defaults_let_it_in(settings, otp):
    settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": [BODY]}

    assert found(settings) == [warning()]


@pytest.mark.parametrize("classes", [None, [TOKEN]])
def test_a_second_factor_without_passwords_in_the_body_is_fine(settings, otp, classes):
    assert found(settings, AUTHENTICATION_CLASSES=classes) == []


@pytest.mark.parametrize("classes", [["nowhere.AtAll", 7], 7, BODY])
def test_classes_that_are_none_are_told_once(settings, otp, classes):
    messages = found(settings, AUTHENTICATION_CLASSES=classes)

    assert [message.id for message in messages] == ["layer_identity.E007"]


def test_passwords_in_the_body_without_a_second_factor_are_fine(settings):
    assert found(settings, AUTHENTICATION_CLASSES=[BODY]) == []
