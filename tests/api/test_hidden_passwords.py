"""A request does not show the passwords in its body."""

from __future__ import annotations

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.parsers import JSONParser

from django_layer_identity.api.authentication import BodyCredentialsAuthentication
from django_layer_identity.api.views import IdentityTokenView
from tests.endpoint import (
    ALICE,
    FORM,
    JSON,
    MULTIPART,
    URL,
    configure,
    log_in,
    multipart,
    parse_error,
    part,
    phone_of,
    read,
)

FIELDS = {"nonce": "abc", "user[username]": "alice", "user[password]": "wonderland"}
BODIES = [
    pytest.param(JSON, json.dumps({"nonce": "abc", "user": ALICE}), id="json"),
    pytest.param(
        FORM,
        "nonce=abc&user%5Busername%5D=alice&user%5Bpassword%5D=wonderland",
        id="form",
    ),
    pytest.param(
        MULTIPART,
        multipart(*(part(f'name="{name}"', value) for name, value in FIELDS.items())),
        id="multipart",
    ),
]
READS_POST = "tests.api.test_bodies.reads_post"


@pytest.fixture(autouse=True)
def _body_credentials(settings, key, alice):
    configure(settings, AUTHENTICATION_CLASSES=[BodyCredentialsAuthentication])


def shown(response):
    """Return everything that the processed request shows."""
    request = response.renderer_context["request"]
    http = request._request
    parsed = f"{request.data} {request.POST} {http.POST} {request.FILES}"
    raw = request.body + request.stream.read() + http.read()
    return f"{parsed} {raw.decode()}"


@pytest.mark.parametrize(("content_type", "body"), BODIES)
@pytest.mark.parametrize("middleware", [[], [READS_POST]], ids=["unread", "read"])
def test_a_correct_password_is_shown_nowhere(
    settings, client, middleware, content_type, body
):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, *middleware]

    response = client.generic("POST", URL, body, content_type)

    assert read(response)[0] == 200
    assert "<Secret>" in shown(response)
    assert "wonderland" not in shown(response)


@pytest.mark.parametrize(("content_type", "body"), BODIES)
def test_the_raw_body_is_the_same_with_the_password_masked(client, content_type, body):
    response = client.generic("POST", URL, body, content_type)

    mask = "%3CSecret%3E" if content_type == FORM else "<Secret>"
    raw = response.wsgi_request.body.decode()
    assert raw == body.replace("wonderland", mask)


@pytest.mark.parametrize(
    "more",
    [
        {"Password": "looking-glass"},
        {"session": {"password": "looking-glass"}},
        {"user": [{"password": "looking-glass"}]},
        {"user": {"passwords": {"old": ["looking-glass"]}}},
        {"user[password]": "looking-glass"},
    ],
    ids=str,
)
def test_a_password_in_a_wrong_place_is_hidden_too(client, more):
    response = log_in(client, {**ALICE, **more})

    assert read(response)[0] == 200
    assert "looking-glass" not in shown(response)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (JSON, '{"user": {"password": "looking-glass"}'),
        (FORM, "password=looking-glass&nonce=%ff"),
        ("multipart/form-data", multipart(part("name=password", "looking-glass"))),
        ("text/plain", '{"user": {"password": "looking-glass"}}'),
    ],
)
def test_a_body_that_cannot_be_read_is_not_shown_either(client, content_type, body):
    response = client.generic("POST", URL, body, content_type)

    assert response.status_code == (415 if content_type == "text/plain" else 400)
    assert "looking-glass" not in shown(response)


def test_the_first_of_two_equal_names_is_hidden_too(client):
    body = '{"user": {"password": "looking-glass"}, "user": {}}'

    response = client.generic("POST", URL, body, JSON)

    assert read(response)[1]["code"] == "parse_error"
    assert "looking-glass" not in shown(response)


def test_an_uploaded_password_is_hidden(client):
    upload = SimpleUploadedFile("p.txt", b"looking-glass")

    response = client.post(URL, {"nonce": "abc", "password": upload})

    assert read(response)[1]["code"] == "authentication_failed"
    assert "looking-glass" not in shown(response)


def test_any_parser_returns_an_object_or_causes_a_refusal(rf):
    view = IdentityTokenView.as_view(parser_classes=[JSONParser])

    response = view(rf.post(URL, '[{"password": "looking-glass"}]', JSON)).render()

    assert read(response) == parse_error("The body is not a JSON object.")
    assert "looking-glass" not in shown(response)


def test_without_body_credentials_the_body_stays_as_it_was_sent(alice):
    body = '{"nonce":"abc","password":"wonderland"}'

    response = phone_of(alice).generic("POST", URL, body, JSON)

    assert response.wsgi_request.body.decode() == body
