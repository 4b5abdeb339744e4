"""The project's own classes: authentication, permissions, throttles."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.test import RequestFactory
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.throttling import BaseThrottle
from rest_framework.versioning import QueryParameterVersioning
from rest_framework.views import APIView

from django_layer_identity.api.views import IdentityTokenView
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

PERMISSION_DENIED = refusal(
    403,
    "permission_denied",
    "This user is not allowed to get an identity token. Do not try again.",
)
HERE = "tests.api.test_classes"
BUSY = [f"{HERE}.Busy", f"{HERE}.BusyForAWhile"]
THROTTLED = refusal(429, "throttled", "Too many requests. Wait before the next one.")


class Alice(BaseAuthentication):
    """Authenticates every request as Alice."""

    def authenticate(self, request):
        return User.objects.get(username="alice"), None


class RefusesAll(BaseAuthentication):
    """Refuses every request, with a challenge."""

    def authenticate(self, request):
        raise exceptions.AuthenticationFailed

    def authenticate_header(self, request):
        return "Riddle"


class SignedBody(BaseAuthentication):
    """Authenticates a request as Alice if the raw body has a valid signature."""

    def authenticate(self, request):
        expected = hmac.new(b"shared", request.body, hashlib.sha256).hexdigest()
        if request.headers["X-Signature"] != expected:
            raise exceptions.AuthenticationFailed
        return User.objects.get(username="alice"), None


class Never(BasePermission):
    message = "Only on weekdays."

    def has_permission(self, request, view):
        return False


class Busy(BaseThrottle):
    seconds = 12.3

    def allow_request(self, request, view):
        return False

    def wait(self):
        return self.seconds


class BusyForAWhile(Busy):
    seconds = None


class VersionTwo(QueryParameterVersioning):
    """Refuses requests without ``?version=2``."""

    allowed_versions = ["2"]


def post_to(view):
    """Post to a view that has no URL."""
    request = RequestFactory().post(URL, {"nonce": NONCE}, headers={"Accept": "*/*"})
    return view(request).render()


@pytest.mark.parametrize("entry", [Alice, f"{HERE}.Alice"])
def test_the_setting_chooses_the_authentication_classes(
    settings, key, alice, client, entry
):
    assert read(client.post(URL, {"nonce": NONCE})) == not_authenticated()

    configure(settings, AUTHENTICATION_CLASSES=[entry])

    assert read(client.post(URL, {"nonce": NONCE}))[0] == 200


def test_without_the_setting_the_projects_defaults_apply(settings, key, alice, client):
    settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": [f"{HERE}.Alice"]}

    assert read(client.post(URL, {"nonce": NONCE}))[0] == 200


def test_an_argument_of_the_view_overrides_the_setting(settings, key, alice):
    configure(settings, AUTHENTICATION_CLASSES=[RefusesAll], PERMISSION_CLASSES=[Never])
    view = IdentityTokenView.as_view(
        authentication_classes=[Alice], permission_classes=[AllowAny]
    )

    assert read(post_to(view))[0] == 200


def test_an_attribute_of_a_subclass_overrides_the_setting(settings, key, alice):
    class Ours(IdentityTokenView):
        authentication_classes = [RefusesAll]

    configure(settings, AUTHENTICATION_CLASSES=[Alice])
    response = post_to(Ours.as_view())

    assert read(response) == authentication_failed(401)
    assert response["WWW-Authenticate"] == "Riddle"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        pytest.param(JSON, '{ "nonce":  "a+b/c==" }', id="json"),
        pytest.param(FORM, "x=%20+&nonce=a%2bb", id="form"),
        pytest.param(MULTIPART, multipart(part("name=nonce", "abc")), id="multipart"),
    ],
)
def test_an_authentication_class_may_read_the_raw_body(
    settings, key, alice, client, content_type, body
):
    configure(settings, AUTHENTICATION_CLASSES=[SignedBody])
    signature = hmac.new(b"shared", body.encode(), hashlib.sha256).hexdigest()
    headers = {"X-Signature": signature}

    response = client.generic("POST", URL, body, content_type, headers=headers)
    assert read(response)[0] == 200

    response = client.generic("POST", URL, f"{body} ", content_type, headers=headers)
    assert read(response) == authentication_failed()


def test_a_malformed_body_with_a_valid_signature_authenticates(
    settings, key, alice, client
):
    configure(settings, AUTHENTICATION_CLASSES=[SignedBody])
    headers = {"X-Signature": hmac.new(b"shared", b"{", hashlib.sha256).hexdigest()}

    response = client.generic("POST", URL, "{", JSON, headers=headers)

    assert read(response) == refusal(400, "parse_error", "The body is not valid JSON.")


@pytest.mark.parametrize("entry", [Never, f"{HERE}.Never"])
def test_a_permission_of_the_project_refuses(settings, key, alice, entry):
    configure(settings, PERMISSION_CLASSES=[entry])

    assert read(ask(alice, nonce=NONCE)) == PERMISSION_DENIED


def test_permissions_come_before_the_body(settings, key, alice):
    configure(settings, PERMISSION_CLASSES=[Never])

    response = phone_of(alice).generic("POST", URL, "{", JSON)

    assert read(response) == PERMISSION_DENIED


@pytest.mark.parametrize(
    "raised",
    [
        Http404("Bob has no contract."),
        PermissionDenied("Bob has no contract."),
        exceptions.PermissionDenied("Bob has no contract."),
        exceptions.NotFound("Bob has no contract."),
        exceptions.ValidationError({"contract": ["missing"]}),
    ],
    ids=repr,
)
def test_any_exception_of_a_permission_refuses(settings, key, alice, raised):
    class Raises(BasePermission):
        def has_permission(self, request, view):
            raise raised

    configure(settings, PERMISSION_CLASSES=[Raises])

    assert read(ask(alice, nonce=NONCE)) == PERMISSION_DENIED


def test_a_throttle_of_the_project_sets_retry_after(settings, key, alice):
    settings.REST_FRAMEWORK = {"DEFAULT_THROTTLE_CLASSES": BUSY}

    response = ask(alice, nonce=NONCE)

    assert read(response) == THROTTLED
    assert response["Retry-After"] == "13"


def test_a_throttle_without_a_wait_sets_no_retry_after(settings, key, alice):
    settings.REST_FRAMEWORK = {"DEFAULT_THROTTLE_CLASSES": BUSY[1:]}

    response = ask(alice, nonce=NONCE)

    assert read(response) == THROTTLED
    assert "Retry-After" not in response


def test_throttles_come_before_the_body(settings, key, alice):
    settings.REST_FRAMEWORK = {"DEFAULT_THROTTLE_CLASSES": BUSY}

    assert read(phone_of(alice).generic("POST", URL, "{", JSON)) == THROTTLED


def test_throttles_of_the_view_override_the_projects(settings, key, alice):
    settings.REST_FRAMEWORK = {"DEFAULT_THROTTLE_CLASSES": BUSY}
    view = IdentityTokenView.as_view(
        authentication_classes=[Alice], throttle_classes=[]
    )

    assert read(post_to(view))[0] == 200


@pytest.mark.parametrize("url", [URL, f"{URL}?version=1"])
def test_the_endpoint_ignores_the_api_versions_of_the_project(
    monkeypatch, key, alice, url
):
    # DRF reads DEFAULT_VERSIONING_CLASS once, when it defines APIView.
    monkeypatch.setattr(APIView, "versioning_class", VersionTwo)

    assert read(phone_of(alice).post(url, {"nonce": NONCE}))[0] == 200
