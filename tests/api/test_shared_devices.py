"""A shared device: one user's session is left when the next user logs in."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.test import Client
from rest_framework.authentication import BaseAuthentication
from rest_framework.authtoken.models import Token

from tests.endpoint import (
    ALICE,
    BOB,
    authentication_failed,
    configure,
    log_in,
    read,
)

BODY = "django_layer_identity.api.authentication.BodyCredentialsAuthentication"
SESSION = "rest_framework.authentication.SessionAuthentication"
TOKEN = "rest_framework.authentication.TokenAuthentication"
BASIC = "rest_framework.authentication.BasicAuthentication"


class Anonymous(BaseAuthentication):
    """Authenticates every request as an anonymous user."""

    def authenticate(self, request):
        return AnonymousUser(), None


@pytest.fixture(autouse=True)
def bob(db):
    return User.objects.create_user("bob", password="builder")


@pytest.fixture
def device(settings, key, alice):
    """A browser that still has Alice's session."""
    configure(settings, AUTHENTICATION_CLASSES=[SESSION, BODY])
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    return client


def test_bob_gets_a_token_only_after_alice_has_logged_out(device):
    assert read(log_in(device, BOB)) == authentication_failed()

    device.logout()

    assert read(log_in(device, BOB))[1]["user_id"] == "bob"


@pytest.mark.parametrize(
    "body",
    [
        {"username": "bob", "password": "wrong"},
        {"username": "bob", "password": ""},
        {"username": "bob", "password": None},
        {"username": "alice", "password": "wrong"},
        {"password": ""},
    ],
)
def test_a_wrong_password_is_refused_beside_a_session(device, body):
    assert read(log_in(device, body)) == authentication_failed()


def test_a_password_of_the_sessions_own_user_is_accepted(device):
    assert read(log_in(device, ALICE))[1]["user_id"] == "alice"


def test_a_session_without_a_password_still_needs_its_csrf_token(device):
    assert read(log_in(device, {}))[1]["code"] == "csrf_failed"


@pytest.mark.parametrize(
    ("classes", "status"), [([TOKEN, BODY], 401), ([BODY, TOKEN], 403)]
)
def test_a_token_is_compared_in_any_order_of_the_classes(
    settings, key, alice, client, classes, status
):
    configure(settings, AUTHENTICATION_CLASSES=classes)
    headers = {"Authorization": f"Token {Token.objects.create(user=alice).key}"}

    assert read(log_in(client, BOB, headers)) == authentication_failed(status)
    assert read(log_in(client, ALICE, headers))[1]["user_id"] == "alice"
    assert read(log_in(client, {}, headers))[1]["user_id"] == "alice"


def test_other_credentials_beside_a_password_must_be_valid(
    settings, key, alice, client
):
    configure(settings, AUTHENTICATION_CLASSES=[BODY, TOKEN])
    headers = {"Authorization": "Token of-yesterday"}

    assert read(log_in(client, ALICE, headers)) == authentication_failed()


@pytest.mark.parametrize(
    "guess",
    [
        pytest.param("Basic Ym9iOmJ1aWxkZXI=", id="bob:builder"),
        pytest.param("Basic Ym9iOndyb25n", id="bob:wrong"),
    ],
)
def test_a_correct_password_does_not_help_to_guess_another_users(
    settings, key, alice, client, guess
):
    configure(settings, AUTHENTICATION_CLASSES=[BODY, BASIC])

    response = log_in(client, ALICE, {"Authorization": guess})

    assert read(response) == authentication_failed()


def test_a_class_that_returns_an_anonymous_user_does_not_conflict(
    settings, key, alice, client
):
    configure(settings, AUTHENTICATION_CLASSES=[f"{__name__}.Anonymous", BODY])

    assert read(log_in(client, ALICE))[1]["user_id"] == "alice"
