"""Authentication by the project's classes: who is accepted, and who is refused."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ValidationError
from django.db import DataError, OperationalError
from django.test import Client
from rest_framework.authentication import BaseAuthentication
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from django_layer_identity.exceptions import UserInactive
from tests.endpoint import (
    FORM,
    JSON,
    MULTIPART,
    NONCE,
    URL,
    ask,
    authentication_failed,
    configure,
    multipart,
    not_authenticated,
    part,
    phone_of,
    read,
    refusal,
)

BASIC = "rest_framework.authentication.BasicAuthentication"
SESSION = "rest_framework.authentication.SessionAuthentication"
TOKEN = "rest_framework.authentication.TokenAuthentication"
ALICE_BASIC = "Basic YWxpY2U6d29uZGVybGFuZA=="  # alice:wonderland
ALICE_WRONG = "Basic YWxpY2U6d3Jvbmc="  # alice:wrong
CSRF_TOKEN = "c" * 32
CSRF_FAILED = refusal(
    403,
    "csrf_failed",
    "The CSRF token is missing or wrong: send it in the X-CSRFToken header.",
)


@pytest.fixture
def browser(key, alice):
    """Alice's session, with CSRF checks."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    client.cookies["csrftoken"] = CSRF_TOKEN
    return client


def post(authorization=None, client=None, **parameters):
    headers = {"Authorization": authorization} if authorization else {}
    client = client or APIClient(enforce_csrf_checks=True)
    return client.post(URL, {"nonce": NONCE, **parameters}, headers=headers)


def test_an_anonymous_request_is_403_if_sessions_come_first(key):
    response = post()

    assert read(response) == not_authenticated()
    assert "WWW-Authenticate" not in response


@pytest.mark.parametrize(
    ("classes", "challenge"),
    [([BASIC, SESSION], 'Basic realm="api"'), ([TOKEN], "Token")],
)
def test_an_anonymous_request_is_401_if_there_is_a_challenge(
    settings, key, classes, challenge
):
    configure(settings, AUTHENTICATION_CLASSES=classes)

    response = post()

    assert read(response) == not_authenticated(401)
    assert response["WWW-Authenticate"] == challenge


def test_wrong_credentials_are_403_if_sessions_come_first(key, alice):
    response = post(ALICE_WRONG)

    assert read(response) == authentication_failed()
    assert "WWW-Authenticate" not in response


@pytest.mark.parametrize(
    ("scheme", "authorization", "challenge"),
    [
        (BASIC, ALICE_WRONG, 'Basic realm="api"'),
        (BASIC, "Basic", 'Basic realm="api"'),
        (TOKEN, "Token no-such-token", "Token"),
    ],
)
def test_wrong_credentials_are_401_if_there_is_a_challenge(
    settings, key, alice, scheme, authorization, challenge
):
    configure(settings, AUTHENTICATION_CLASSES=[scheme])

    response = post(authorization)

    assert read(response) == authentication_failed(401)
    assert response["WWW-Authenticate"] == challenge


def test_basic_credentials_authenticate_the_user(key, alice):
    assert read(post(ALICE_BASIC))[0] == 200


def test_a_token_authenticates_the_user(settings, key, alice):
    configure(settings, AUTHENTICATION_CLASSES=[TOKEN])

    token = Token.objects.create(user=alice)

    assert read(post(f"Token {token.key}"))[0] == 200


def test_a_session_works_with_its_csrf_token_in_the_header(browser):
    headers = {"X-CSRFToken": CSRF_TOKEN}

    response = browser.post(URL, {"nonce": NONCE}, JSON, headers=headers)

    assert read(response)[0] == 200


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        pytest.param(FORM, f"nonce=abc&csrfmiddlewaretoken={CSRF_TOKEN}", id="form"),
        pytest.param(
            MULTIPART,
            multipart(
                part("name=nonce", "abc"), part("name=csrfmiddlewaretoken", CSRF_TOKEN)
            ),
            id="multipart",
        ),
    ],
)
def test_a_session_works_with_its_csrf_token_in_a_form(browser, content_type, body):
    assert read(browser.generic("POST", URL, body, content_type))[0] == 200


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (JSON, f'{{"nonce": "abc", "csrfmiddlewaretoken": "{CSRF_TOKEN}"}}'),
        (JSON, "{"),
        (FORM, "nonce=abc"),
        (FORM, f"nonce=abc&csrfmiddlewaretoken={'d' * 32}"),
        (FORM, f"%ff=&csrfmiddlewaretoken={CSRF_TOKEN}"),
        ("text/plain", "x" * 17_408),
    ],
)
def test_a_session_without_its_csrf_token_is_refused(browser, content_type, body):
    response = browser.generic("POST", URL, body, content_type)

    assert read(response) == CSRF_FAILED


@pytest.mark.parametrize("body", ["{", "x" * 17_408])
def test_a_session_with_its_csrf_token_gets_the_error_of_the_body(browser, body):
    headers = {"X-CSRFToken": CSRF_TOKEN}

    status, _ = read(browser.generic("POST", URL, body, JSON, headers=headers))

    assert status == (400 if body == "{" else 413)


def test_the_session_of_an_inactive_user_is_ignored(browser, alice):
    alice.is_active = False
    alice.save()

    assert read(browser.post(URL, {"nonce": NONCE}, JSON)) == not_authenticated()


def test_an_inactive_user_is_refused(key, alice):
    alice.is_active = False

    assert read(ask(alice, nonce=NONCE)) == refusal(
        403,
        "user_inactive",
        "This user account is inactive. Only an administrator can activate it.",
    )


@pytest.mark.parametrize(
    "user",
    [
        pytest.param(
            SimpleNamespace(pk=1, is_authenticated=True, is_active=True), id="stateless"
        ),
        pytest.param(User(username="alice"), id="unsaved"),
        pytest.param(User(pk=1, username="alice"), id="unsaved-with-primary-key"),
        pytest.param(AnonymousUser(), id="anonymous"),
        pytest.param("alice", id="text"),
    ],
)
def test_an_object_that_is_not_a_saved_user_is_refused(settings, key, user):
    allow_any = ["rest_framework.permissions.AllowAny"]
    configure(settings, PERMISSION_CLASSES=allow_any)

    assert read(ask(user, nonce=NONCE)) == authentication_failed()
    assert (
        read(phone_of(user).generic("POST", URL, "{", JSON)) == authentication_failed()
    )


def test_a_deleted_user_is_refused(key, alice):
    alice.delete()

    assert read(ask(alice, nonce=NONCE)) == authentication_failed()


@pytest.mark.parametrize(
    "classes", [["rest_framework.permissions.AllowAny"], []], ids=["allow-any", "none"]
)
def test_anonymous_users_are_refused_without_a_permission_class(settings, key, classes):
    configure(settings, PERMISSION_CLASSES=classes)

    assert read(post()) == not_authenticated()


class FailingAuthentication(BaseAuthentication):
    """Raises an error, as some classes of other packages do."""

    error = None

    def authenticate(self, request):
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        UnicodeDecodeError("ascii", b"\xe9", 0, 1, "ordinal not in range(128)"),
        DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes"),
        ValueError("A string literal cannot contain NUL (0x00) characters."),
        TypeError("Field 'number' expected a number but got 'abc'."),
        OverflowError("Python int too large to convert to SQLite INTEGER"),
        ValidationError("“abc” is not a valid UUID."),
        OperationalError(1267, "Illegal mix of collations"),
        User.MultipleObjectsReturned("get() returned more than one User"),
        User.DoesNotExist("User matching query does not exist."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_credentials_that_make_a_class_fail_are_refused(
    settings, monkeypatch, key, error
):
    monkeypatch.setattr(FailingAuthentication, "error", error)
    configure(settings, AUTHENTICATION_CLASSES=[f"{__name__}.FailingAuthentication"])

    assert read(post()) == authentication_failed()


def test_a_refusal_raised_by_an_authentication_class_is_kept(
    settings, monkeypatch, key
):
    monkeypatch.setattr(FailingAuthentication, "error", UserInactive())
    configure(settings, AUTHENTICATION_CLASSES=[f"{__name__}.FailingAuthentication"])

    assert read(post())[1]["code"] == "user_inactive"


def test_without_authentication_classes_every_request_is_refused(settings, key):
    configure(settings, AUTHENTICATION_CLASSES=[])

    assert read(post()) == not_authenticated()
