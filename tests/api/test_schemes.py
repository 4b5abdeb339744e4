"""A request without valid credentials is told which credentials are accepted."""

from __future__ import annotations

import pytest
from rest_framework.authentication import BaseAuthentication, TokenAuthentication

from django_layer_identity.api.authentication import BodyCredentialsAuthentication
from tests.endpoint import NONCE, URL, configure, phone_of

LOG_IN = "Log in first: the request has no valid credentials."
DRF = "rest_framework.authentication"


class Bearer(TokenAuthentication):
    keyword = "Bearer"


class Silent(BaseAuthentication):
    """It finds no user, and names no scheme."""

    def authenticate(self, request):
        return None


class Unchallenged(Silent):
    """It names its scheme, but has no challenge."""

    keyword = "Passkey"


class Realm(Silent):
    def authenticate_header(self, request):
        return 'Bearer realm="api"'


class Broken(Silent):
    def authenticate_header(self, request):
        raise ValueError


class Duck:
    """It is not a subclass of REST framework's class."""

    def authenticate(self, request):
        return None


def told(client, headers=None):
    """Return the status and the text for a request."""
    response = client.post(URL, {"nonce": NONCE}, headers=headers)
    assert response.json()["detail"] == response.json()["error"]
    return response.status_code, response.json()["detail"]


@pytest.mark.parametrize(
    ("classes", "status", "accepted"),
    [
        ([f"{DRF}.TokenAuthentication"], 401, "“Authorization: Token …”"),
        ([Bearer], 401, "“Authorization: Bearer …”"),
        ([f"{DRF}.BasicAuthentication"], 401, "“Authorization: Basic …”"),
        ([Realm], 401, "“Authorization: Bearer …”"),
        ([f"{DRF}.SessionAuthentication"], 403, "session cookie"),
        ([Unchallenged], 403, "“Authorization: Passkey …”"),
        ([BodyCredentialsAuthentication], 403, "password in the body"),
        (
            [f"{DRF}.SessionAuthentication", Silent, Duck, Broken, Bearer, Bearer],
            403,
            "session cookie, “Authorization: Bearer …”",
        ),
    ],
    ids=str,
)
def test_a_request_without_credentials_is_told_what_is_accepted(
    settings, client, db, classes, status, accepted
):
    configure(settings, AUTHENTICATION_CLASSES=classes)

    assert told(client) == (status, f"{LOG_IN} Accepted: {accepted}.")


def test_a_wrong_scheme_is_told_which_scheme_is_accepted(settings, client, db):
    configure(settings, AUTHENTICATION_CLASSES=[f"{DRF}.TokenAuthentication"])

    assert told(client, {"Authorization": "Bearer abc"}) == (
        401,
        f"{LOG_IN} Accepted: “Authorization: Token …”.",
    )


def test_a_wrong_password_is_told_what_is_accepted(settings, client, db):
    configure(settings, AUTHENTICATION_CLASSES=[f"{DRF}.BasicAuthentication"])

    assert told(client, {"Authorization": "Basic eDp5"}) == (
        401,
        "The credentials sent with the request were not accepted. Log in again. "
        "Accepted: “Authorization: Basic …”.",
    )


def test_without_a_known_scheme_none_is_named(settings, client, db):
    configure(settings, AUTHENTICATION_CLASSES=[Silent])

    assert told(client) == (403, LOG_IN)


def test_the_text_for_an_authenticated_user_names_no_scheme(key, alice):
    body = phone_of(alice).post(URL, {"nonce": NONCE, "app_id": "x"}).json()

    assert body["detail"] == "No enabled Layer app has this app ID. Correct “app_id”."
