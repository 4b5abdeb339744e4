from __future__ import annotations

import pytest
from django.apps import apps
from django.core.checks import Warning
from rest_framework.authentication import SessionAuthentication

from django_layer_identity.api.authentication import BodyCredentialsAuthentication
from tests.checks import deployed, found

BODY = "django_layer_identity.api.authentication.BodyCredentialsAuthentication"
REDIS = "django.core.cache.backends.redis.RedisCache"
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


SESSION = "rest_framework.authentication.SessionAuthentication"
BASIC = "rest_framework.authentication.BasicAuthentication"


class CsrfExempt(SessionAuthentication):
    def enforce_csrf(self, request):
        """Enforce nothing, as many answers on the web advise."""


class Renamed(SessionAuthentication):
    pass


@pytest.mark.parametrize("classes", [[TOKEN, BODY], [Ours], [BASIC]])
def test_passwords_that_are_not_counted_are_named_before_going_live(settings, classes):
    assert deployed(settings, AUTHENTICATION_CLASSES=classes) == [
        Warning(
            "Passwords can be guessed without a limit: requests carry them, and "
            "LAYER_IDENTITY['THROTTLE_RATES']['failures'] is None.",
            hint='Remove it: "20/min" is the default.',
            id="layer_identity.W043",
        )
    ]


def test_rest_frameworks_default_takes_passwords(settings):
    [message] = deployed(settings, AUTHENTICATION_CLASSES=None)

    assert message.id == "layer_identity.W043"


def test_passwords_that_are_counted_are_fine(settings):
    settings.CACHES = {"default": {"BACKEND": REDIS, "LOCATION": "redis://127.0.0.1:1"}}
    settings.REST_FRAMEWORK = {"NUM_PROXIES": 0}

    assert deployed(settings, AUTHENTICATION_CLASSES=[BODY], THROTTLE_RATES={}) == []


def test_rates_that_cannot_be_read_are_left_to_the_other_check(settings):
    assert deployed(settings, AUTHENTICATION_CLASSES=[BODY], THROTTLE_RATES=None) == []


def test_sessions_without_csrf_are_named_before_going_live(settings):
    classes = [CsrfExempt, "tests.checks.test_authentication.CsrfExempt"]

    assert (
        deployed(settings, AUTHENTICATION_CLASSES=classes)
        == [
            Warning(
                "tests.checks.test_authentication.CsrfExempt replaces enforce_csrf(): other "
                "sites may ask for tokens with a user's session.",
                hint=f"Use {SESSION}, which checks the CSRF token.",
                id="layer_identity.W044",
            )
        ]
        * 2
    )


@pytest.mark.parametrize("entry", [SESSION, Renamed])
def test_sessions_with_csrf_are_fine(settings, entry):
    assert deployed(settings, AUTHENTICATION_CLASSES=[entry]) == []


def no_class():
    return Warning(
        "No authentication class is configured: every request is refused.",
        hint=(
            "Name a class in LAYER_IDENTITY['AUTHENTICATION_CLASSES'], or remove the "
            "setting for REST framework's default."
        ),
        id="layer_identity.W045",
    )


@pytest.mark.parametrize("classes", [[], ()])
def test_an_endpoint_that_nobody_can_use_is_named_before_going_live(settings, classes):
    assert deployed(settings, AUTHENTICATION_CLASSES=classes) == [no_class()]

    settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": classes}
    assert deployed(settings, AUTHENTICATION_CLASSES=None) == [no_class()]


@pytest.mark.parametrize("classes", [["nowhere.AtAll", 7], 7, BODY])
def test_classes_that_are_none_are_left_to_the_other_check(settings, classes):
    assert deployed(settings, AUTHENTICATION_CLASSES=classes) == []
