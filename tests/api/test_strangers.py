"""Requests without valid credentials get only an authentication code."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication

from tests.endpoint import (
    FORM,
    JSON,
    NONCE,
    URL,
    authentication_failed,
    configure,
    not_authenticated,
    read,
    refusal,
)

UNAVAILABLE = refusal(
    503, "unavailable", "The service is unavailable. Try again later."
)


def raising(exception):
    """Return an authentication class that raises an exception."""

    class Raising(BaseAuthentication):
        def authenticate(self, request):
            raise exception

    return Raising


STRANGE_BODIES = [
    pytest.param("", JSON, id="empty"),
    pytest.param("{", JSON, id="malformed"),
    pytest.param("[" * 10_000, JSON, id="deep"),
    pytest.param(b"\xff", FORM, id="not-utf-8"),
    pytest.param("x", f"{JSON}; charset=no-such-charset", id="charset"),
    pytest.param("nonce=a+b&nonce=c", FORM, id="twice"),
    pytest.param("x", "multipart/form-data", id="no-boundary"),
    pytest.param("x", "text/plain", id="media-type"),
    pytest.param('{"nonce": "abc", "app_id": "nonsense"}', JSON, id="app-unknown"),
    pytest.param("x" * 17_408, JSON, id="large"),
    pytest.param("x" * 3_000_000, JSON, id="larger-than-django-allows"),
]


@pytest.mark.parametrize(("body", "content_type"), STRANGE_BODIES)
@pytest.mark.parametrize("method", ["POST", "GET", "OPTIONS"])
def test_strangers_see_only_that_they_are_not_authenticated(
    key, client, body, content_type, method
):
    response = client.generic(method, URL, body, content_type)

    assert read(response) == not_authenticated()


@pytest.mark.parametrize("app_id", ["aaaaaaaa-0000-4000-8000-000000000001", "nonsense"])
def test_strangers_learn_nothing_about_apps_and_users(key, client, app_id):
    parameters = {"nonce": NONCE, "app_id": app_id, "user_id": "alice"}

    assert read(client.post(URL, parameters)) == not_authenticated()


class ReadsBody(BaseAuthentication):
    """Reads the body in every possible way."""

    found = None

    def authenticate(self, request):
        fields = dict(request.data), dict(request.POST), dict(request._request.POST)
        ReadsBody.found = *fields, request.body
        raise exceptions.AuthenticationFailed


@pytest.mark.parametrize(("body", "content_type"), STRANGE_BODIES)
def test_authentication_classes_that_read_the_body_never_fail(
    settings, key, client, body, content_type
):
    configure(settings, AUTHENTICATION_CLASSES=[ReadsBody])

    response = client.generic("POST", URL, body, content_type)

    assert read(response) == authentication_failed()


@pytest.mark.parametrize("content_type", [JSON, FORM, "text/plain"])
def test_a_large_body_is_empty_to_classes_that_read_it(
    settings, key, client, content_type
):
    configure(settings, AUTHENTICATION_CLASSES=[ReadsBody])

    client.generic("POST", URL, "x" * 17_408, content_type)

    assert ReadsBody.found == ({}, {}, {}, b"")


@pytest.mark.parametrize(
    "raised",
    [
        exceptions.AuthenticationFailed("locked"),
        exceptions.PermissionDenied("locked"),
        exceptions.NotFound("no such user"),
        exceptions.ParseError("no such password"),
        exceptions.ValidationError({"password": ["missing"]}),
        PermissionDenied("locked"),
        Http404("no such user"),
    ],
    ids=repr,
)
def test_the_message_of_an_authentication_class_is_not_sent(
    settings, key, client, raised
):
    configure(settings, AUTHENTICATION_CLASSES=[raising(raised)])

    assert read(client.post(URL, {"nonce": NONCE})) == authentication_failed()


def test_a_directory_outage_is_unavailable(settings, key, client):
    down = exceptions.APIException("The directory is down.")
    configure(settings, AUTHENTICATION_CLASSES=[raising(down)])

    assert read(client.post(URL, {"nonce": NONCE})) == UNAVAILABLE
