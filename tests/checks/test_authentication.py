from __future__ import annotations

import pytest
from django.apps import apps
from django.core.checks import Error, Warning
from rest_framework.authentication import SessionAuthentication, TokenAuthentication

from django_layer_identity.api.authentication import BodyCredentialsAuthentication
from tests.checks import deployed, found

BODY = "django_layer_identity.api.authentication.BodyCredentialsAuthentication"
REDIS = "django.core.cache.backends.redis.RedisCache"
TOKEN = "rest_framework.authentication.TokenAuthentication"


class Subclass(BodyCredentialsAuthentication):
    pass


@pytest.fixture
def otp(monkeypatch):
    """Make the app registry report that django-otp is installed."""
    installed = ("django_otp", "rest_framework.authtoken")
    monkeypatch.setattr(apps, "is_installed", lambda name: name in installed)


def warning():
    return Warning(
        "BodyCredentialsAuthentication issues identity tokens for a password only, "
        "without the second factor of django_otp.",
        hint=(
            "Remove BodyCredentialsAuthentication. Clients must log in through the views "
            "that ask for the second factor."
        ),
        id="layer_identity.W042",
    )


@pytest.mark.parametrize("entry", [BODY, BodyCredentialsAuthentication, Subclass])
def test_passwords_without_the_second_factor_are_reported(settings, otp, entry):
    assert found(settings, AUTHENTICATION_CLASSES=[TOKEN, entry]) == [warning()]


def test_passwords_by_the_projects_default_classes_are_reported(settings, otp):
    settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": [BODY]}

    assert found(settings) == [warning()]


@pytest.mark.parametrize("classes", [None, [TOKEN]])
def test_a_second_factor_without_body_passwords_is_accepted(settings, otp, classes):
    assert found(settings, AUTHENTICATION_CLASSES=classes) == []


@pytest.mark.parametrize("classes", [["nowhere.AtAll", 7], 7, BODY])
def test_invalid_classes_are_reported_once(settings, otp, classes):
    messages = found(settings, AUTHENTICATION_CLASSES=classes)

    assert [message.id for message in messages] == ["layer_identity.E007"]


def test_body_passwords_without_a_second_factor_are_accepted(settings):
    assert found(settings, AUTHENTICATION_CLASSES=[BODY]) == []


class RenamedToken(TokenAuthentication):
    keyword = "Bearer"


class OwnModel(TokenAuthentication):
    model = object


class OwnGetModel(TokenAuthentication):
    def get_model(self):
        """Return another model."""


class OwnCredentials(TokenAuthentication):
    def authenticate_credentials(self, key):
        """Ask another service."""


@pytest.fixture
def without_tokens(settings):
    settings.INSTALLED_APPS = [
        name for name in settings.INSTALLED_APPS if name != "rest_framework.authtoken"
    ]


@pytest.mark.parametrize("entry", [TOKEN, TokenAuthentication, RenamedToken])
def test_token_authentication_without_its_table_is_reported(
    settings, without_tokens, entry
):
    assert found(settings, AUTHENTICATION_CLASSES=[entry]) == [
        Error(
            "TokenAuthentication stores its tokens in rest_framework.authtoken, which is "
            "not in INSTALLED_APPS: every request with a token fails.",
            hint='Add "rest_framework.authtoken" to INSTALLED_APPS, and run “manage.py '
            "migrate”.",
            id="layer_identity.E045",
        )
    ]


@pytest.mark.parametrize("entry", [BODY, OwnModel, OwnGetModel, OwnCredentials])
def test_authentication_without_that_table_is_accepted(settings, without_tokens, entry):
    assert found(settings, AUTHENTICATION_CLASSES=[entry]) == []


SESSION = "rest_framework.authentication.SessionAuthentication"
BASIC = "rest_framework.authentication.BasicAuthentication"


class CsrfExempt(SessionAuthentication):
    def enforce_csrf(self, request):
        """Check nothing, as many answers on the web advise."""


class Renamed(SessionAuthentication):
    pass


@pytest.mark.parametrize("classes", [[TOKEN, BODY], [Subclass], [BASIC]])
def test_deploy_reports_passwords_without_a_failure_limit(settings, classes):
    assert deployed(settings, AUTHENTICATION_CLASSES=classes) == [
        Warning(
            "Passwords can be guessed without a limit: the endpoint accepts passwords, "
            "and LAYER_IDENTITY['THROTTLE_RATES']['failures'] is None.",
            hint='Remove "failures" from THROTTLE_RATES. The default is "20/min".',
            id="layer_identity.W043",
        )
    ]


def test_rest_frameworks_default_classes_accept_passwords(settings):
    [message] = deployed(settings, AUTHENTICATION_CLASSES=None)

    assert message.id == "layer_identity.W043"


def test_passwords_with_a_failure_limit_are_accepted(settings):
    settings.CACHES = {"default": {"BACKEND": REDIS, "LOCATION": "redis://127.0.0.1:1"}}
    settings.REST_FRAMEWORK = {"NUM_PROXIES": 0}

    assert deployed(settings, AUTHENTICATION_CLASSES=[BODY], THROTTLE_RATES={}) == []


def test_deploy_does_not_repeat_invalid_rates(settings):
    assert deployed(settings, AUTHENTICATION_CLASSES=[BODY], THROTTLE_RATES=None) == []


def test_deploy_reports_sessions_without_csrf_protection(settings):
    classes = [CsrfExempt, "tests.checks.test_authentication.CsrfExempt"]

    assert (
        deployed(settings, AUTHENTICATION_CLASSES=classes)
        == [
            Warning(
                "tests.checks.test_authentication.CsrfExempt replaces enforce_csrf(): other "
                "sites can request tokens with a user's session.",
                hint=f"Use {SESSION}, which checks the CSRF token.",
                id="layer_identity.W044",
            )
        ]
        * 2
    )


@pytest.mark.parametrize("entry", [SESSION, Renamed])
def test_sessions_with_csrf_protection_are_accepted(settings, entry):
    assert deployed(settings, AUTHENTICATION_CLASSES=[entry]) == []


def no_class():
    return Warning(
        "No authentication class is configured: every request is refused.",
        hint=(
            "Add a class to LAYER_IDENTITY['AUTHENTICATION_CLASSES'], or remove the "
            "setting to use REST framework's default classes."
        ),
        id="layer_identity.W045",
    )


@pytest.mark.parametrize("classes", [[], ()])
def test_deploy_reports_an_endpoint_without_authentication_classes(settings, classes):
    assert deployed(settings, AUTHENTICATION_CLASSES=classes) == [no_class()]

    settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": classes}
    assert deployed(settings, AUTHENTICATION_CLASSES=None) == [no_class()]


@pytest.mark.parametrize("classes", [["nowhere.AtAll", 7], 7, BODY])
def test_deploy_does_not_repeat_invalid_classes(settings, classes):
    assert deployed(settings, AUTHENTICATION_CLASSES=classes) == []
