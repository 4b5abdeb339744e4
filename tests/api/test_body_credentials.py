"""Credentials in the body: which are accepted, and which are refused."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from django_layer_identity.api.authentication import BodyCredentialsAuthentication
from tests.endpoint import (
    ALICE,
    FORM,
    JSON,
    MULTIPART,
    URL,
    authentication_failed,
    configure,
    log_in,
    multipart,
    not_authenticated,
    part,
    read,
    refusal,
)

TOKEN = "rest_framework.authentication.TokenAuthentication"
BODY = "django_layer_identity.api.authentication.BodyCredentialsAuthentication"


@pytest.fixture(autouse=True)
def _body_credentials(settings):
    configure(settings, AUTHENTICATION_CLASSES=[BODY])


@pytest.fixture
def phone():
    """A client that checks CSRF."""
    return Client(enforce_csrf_checks=True)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(ALICE, id="flat"),
        pytest.param({"user": ALICE}, id="below-user"),
        pytest.param({"user_id": "alice", "password": "wonderland"}, id="user-id"),
        pytest.param(
            {"user": {"user_id": "alice", "password": "wonderland"}},
            id="user-id-below-user",
        ),
        pytest.param({**ALICE, "email": "bob@example.com"}, id="username-first"),
        pytest.param({**ALICE, "user": {"name": "Alice"}}, id="user-without-password"),
        pytest.param({**ALICE, "user": "alice"}, id="user-is-no-object"),
        pytest.param(
            {
                "username": "",
                "email": None,
                "user_id": "alice",
                "password": "wonderland",
            },
            id="empty-ones-are-none",
        ),
    ],
)
def test_a_password_authenticates_the_user(key, alice, phone, body):
    status, answer = read(log_in(phone, body))

    assert (status, answer["user_id"]) == (200, "alice")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (FORM, "username=alice&password=wonderland&nonce=abc"),
        (FORM, "user%5Busername%5D=alice&user[password]=wonderland&nonce=abc"),
        (
            MULTIPART,
            multipart(
                part("name=username", "alice"),
                part("name=password", "wonderland"),
                part("name=nonce", "abc"),
            ),
        ),
    ],
)
def test_a_password_in_a_form_authenticates_the_user(
    key, alice, phone, content_type, body
):
    assert read(phone.generic("POST", URL, body, content_type))[0] == 200


def test_a_password_starts_no_session(key, alice, phone):
    log_in(phone, ALICE)

    assert phone.cookies == {}
    assert read(log_in(phone, {})) == not_authenticated()


def test_body_credentials_are_opt_in(settings, key, alice, phone):
    configure(settings, AUTHENTICATION_CLASSES=None)

    assert read(log_in(phone, ALICE)) == not_authenticated()


@pytest.mark.parametrize(
    "body",
    [
        {"username": "alice", "password": "wrong"},
        {"username": "carol", "password": "wonderland"},
        {"username": "Alice", "password": "wonderland"},
        {"username": "alice", "password": ""},
        {"username": "alice", "password": None},
        {"username": "alice", "password": 17},
        {"username": "alice", "password": ["wonderland"]},
        {"username": "alice", "password": {"a": 1}},
        {"username": "alice", "password": "wonder\0land"},
        {"username": "ali\0ce", "password": "wonderland"},
        {"username": "alice" + " " * 1020, "password": "wonderland"},
        {"username": "alice", "password": "wonderland" + " " * 1020},
        {"username": ["alice"], "password": "wonderland"},
        {"username": {"$ne": ""}, "password": "wonderland"},
        {"username": True, "password": "wonderland"},
        {"username": "", "password": "wonderland"},
        {"password": "wonderland"},
        {"email": "alice@example.com", "password": "wonderland"},
        {"user": {"password": "wonderland"}},
        {"username": "alice", "user": {"password": "wonderland"}},
        {**ALICE, "user": ALICE},
        {**ALICE, "user": {"password": None}},
    ],
    ids=lambda body: json.dumps(body)[:80],
)
def test_unusable_credentials_are_refused_in_the_same_way(key, alice, phone, body):
    alice.email = "alice@example.com"
    alice.save()

    assert read(log_in(phone, body)) == authentication_failed()


@pytest.mark.parametrize(
    "form",
    [
        "username=alice&password=wrong&password=wonderland",
        "username=bob&username=alice&password=wonderland",
        "username=alice&password=wonderland&user[password]=wonderland",
    ],
)
def test_a_form_must_have_each_credential_once(key, alice, phone, form):
    response = phone.generic("POST", URL, f"nonce=abc&{form}", FORM)

    assert read(response) == authentication_failed()


def test_a_file_is_not_a_password(key, alice, phone):
    body = multipart(
        part("name=username", "alice"),
        part("name=password; filename=p.txt", "wonderland"),
        part("name=nonce", "abc"),
    )

    assert read(phone.generic("POST", URL, body, MULTIPART)) == authentication_failed()


@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        ('{"username": "alice", "password": "wonderland"', JSON, "parse_error"),
        ('{"nonce": 1, "nonce": 1, "password": "x"}', JSON, "parse_error"),
        ("x" * 17_408, JSON, "body_too_large"),
        ("x", "text/plain", "unsupported_media_type"),
    ],
)
def test_strangers_see_the_error_of_a_body_that_may_have_a_password(
    key, alice, phone, body, content_type, code
):
    assert read(phone.post(URL, body, content_type))[1]["code"] == code


def test_strangers_see_that_a_body_in_chunks_needs_a_length(key, phone):
    headers = {"Transfer-Encoding": "chunked"}

    response = phone.generic("POST", URL, content_type=JSON, headers=headers)

    assert read(response)[1]["code"] == "length_required"


def test_other_credentials_that_are_wrong_come_before_a_malformed_body(
    settings, key, phone
):
    configure(settings, AUTHENTICATION_CLASSES=[TOKEN, BODY])

    response = phone.post(URL, "{", JSON, headers={"Authorization": "Token x"})

    assert read(response) == authentication_failed(401)


def test_an_inactive_user_is_refused_like_a_wrong_password(key, alice, phone):
    alice.is_active = False
    alice.save()

    assert read(log_in(phone, ALICE)) == authentication_failed()


def test_an_inactive_user_is_refused_even_if_a_backend_accepts_the_user(
    settings, key, alice, phone
):
    backend = "django.contrib.auth.backends.AllowAllUsersModelBackend"
    settings.AUTHENTICATION_BACKENDS = [backend]
    alice.is_active = False
    alice.save()

    assert read(log_in(phone, ALICE)) == refusal(
        403,
        "user_inactive",
        "This user account is inactive. Only an administrator can activate it.",
    )


def test_a_user_id_beside_a_login_is_still_compared(key, alice, phone):
    assert read(log_in(phone, {**ALICE, "user_id": "bob"})) == refusal(
        403,
        "user_id_mismatch",
        "The “user_id” sent is not the Layer user ID of the logged-in user. Deauthenticate from Layer first.",
        user_id="alice",
    )


def test_the_authentication_class_works_in_other_views(alice):
    http = APIRequestFactory().post("/", ["no", "object"], format="json")

    request = Request(http, parsers=[JSONParser()])

    assert BodyCredentialsAuthentication().authenticate(request) is None
