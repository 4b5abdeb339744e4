"""Rules of every endpoint, and the endpoints ping and root."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import include, path

from django_layer_identity.sandbox import state
from tests.conftest import APP_ID
from tests.sandbox.layer import (
    VALIDATION,
    error,
    open_session,
)

# A project may include the sandbox in its own namespaces.
sandbox_urls = include("django_layer_identity.sandbox.urls", namespace="fake")
urlpatterns = [path("dev/", include(([path("layer/", sandbox_urls)], "dev")))]


PATHS = ["", "ping", "nonces", "sessions", "sessions/x", "identities/x", "nowhere"]


@pytest.mark.parametrize("layer_identity", [{}, {"SANDBOX": None}, {"SANDBOX": 1}])
@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_the_sandbox_answers_404_in_production(
    client, settings, layer_identity, name, method
):
    settings.LAYER_IDENTITY = layer_identity

    response = client.generic(method, f"/sandbox/{name}")

    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/html")
    assert "Access-Control-Allow-Origin" not in response


def test_debug_enables_the_sandbox(client, settings):
    settings.DEBUG = True
    settings.LAYER_IDENTITY = {}

    assert client.get("/sandbox/ping").status_code == 200


@pytest.mark.parametrize(
    "accept",
    [
        "application/vnd.layer+json; version=1.0",
        "application/vnd.layer+json; version=1.1",
        "application/vnd.layer+json;version=2.0",
        'application/vnd.layer+json; version="3.0"',
        "Application/Vnd.Layer+JSON; Version=2.0",
        "text/html, application/vnd.layer+json; version=2.0",
    ],
)
def test_layers_media_type_is_accepted(accept):
    response = Client().get("/sandbox/ping", headers={"accept": accept})

    assert response.status_code == 200


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize(
    "accept",
    [
        None,
        "",
        "*/*",
        "application/json",
        "application/vnd.layer+json",
        "application/vnd.layer+json; version=2",
        "application/vnd.layer+json; version=2.1",
        "application/vnd.layer+json; version=4.0",
        "xapplication/vnd.layer+json; version=2.0",
    ],
)
def test_any_other_accept_header_is_refused(name, accept):
    headers = {} if accept is None else {"accept": accept}

    response = Client().get(f"/sandbox/{name}", headers=headers)

    assert response.status_code == 406
    assert response.json() == error(
        "invalid_header",
        107,
        "Send the header Accept: application/vnd.layer+json; version=2.0 "
        "(or 1.0, 1.1, 3.0).",
        header="Accept",
    )


@pytest.mark.parametrize(
    ("method", "name", "allowed"),
    [
        ("POST", "", "GET, HEAD, OPTIONS"),
        ("POST", "ping", "GET, HEAD, OPTIONS"),
        ("GET", "nonces", "POST, OPTIONS"),
        ("PUT", "sessions", "POST, OPTIONS"),
        ("GET", "sessions/x", "DELETE, OPTIONS"),
        ("PATCH", "identities/x", "GET, HEAD, OPTIONS"),
        ("BREW", "nonces", "POST, OPTIONS"),
    ],
)
def test_wrong_method_is_refused(client, method, name, allowed):
    response = client.generic(method, f"/sandbox/{name}")

    assert response.status_code == 405
    assert response["Allow"] == allowed
    assert response.json() == error("method_not_allowed", 109, f"Use one of {allowed}.")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "name",
    ["conversations", "nonces/", "sessions/", "sessions/a/b", "identities/", "%0A"],
)
def test_unknown_path_is_refused(client, method, name):
    response = client.generic(method, f"/sandbox/{name}")

    assert response.status_code == 404
    assert response.json() == error(
        "invalid_endpoint",
        106,
        "The sandbox does not have this path. It covers only signing in and out.",
    )


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("name", PATHS)
def test_responses_must_not_be_stored(client, method, name):
    response = client.generic(method, f"/sandbox/{name}")

    assert response["Cache-Control"] == (
        "max-age=0, no-cache, no-store, must-revalidate, private"
    )


def test_the_sandbox_works_with_login_required_middleware(client, settings):
    settings.MIDDLEWARE = [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ]

    assert client.post("/sandbox/nonces").status_code == 201


CORS = {
    "Access-Control-Allow-Origin": "http://localhost:3000",
    "Access-Control-Allow-Credentials": "true",
    "Access-Control-Allow-Headers": (
        "authorization, content-type, client-id, layer-xdk-version"
    ),
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE, HEAD",
    "Access-Control-Expose-Headers": "link, layer-count",
}


def cors_headers(response):
    return {
        name: value
        for name, value in response.items()
        if name.startswith("Access-Control-")
    }


@pytest.mark.parametrize("name", PATHS)
def test_preflight_is_answered_without_layers_accept_header(name):
    response = Client().options(
        f"/sandbox/{name}", headers={"origin": "http://localhost:3000"}
    )

    assert (response.status_code, response.content) == (204, b"")
    assert cors_headers(response) == CORS
    assert response["Vary"] == "Origin"


@pytest.mark.parametrize(
    ("method", "name", "status"),
    [
        ("HEAD", "ping", 200),
        ("POST", "nonces", 201),
        ("DELETE", "sessions/x", 204),
        ("POST", "sessions", 400),
        ("GET", "identities/x", 401),
        ("GET", "nowhere", 404),
        ("GET", "nonces", 405),
    ],
)
def test_every_response_allows_the_origin_of_the_request(client, method, name, status):
    response = client.generic(
        method, f"/sandbox/{name}", headers={"origin": "http://localhost:3000"}
    )

    assert response.status_code == status
    assert cors_headers(response) == CORS
    assert response["Vary"] == "Origin"


@pytest.mark.parametrize("origin", [None, "", "a\r\nb: c", "é", "a b", "\x00"])
def test_invalid_origin_is_not_echoed(client, origin):
    headers = {} if origin is None else {"origin": origin}

    response = client.get("/sandbox/ping", headers=headers)

    assert response.status_code == 200
    assert cors_headers(response) == {}
    assert response["Vary"] == "Origin"


def test_ping_answers(client):
    assert client.head("/sandbox/ping?client=3.4.18").status_code == 200
    assert client.get("/sandbox/ping").json() == {}


def test_root_lists_the_endpoints(client):
    response = client.get("/sandbox/")

    assert (response.status_code, response.json()) == (200, {})
    assert response["Link"] == (
        "<http://testserver/sandbox/nonces>; rel=nonces, "
        "<http://testserver/sandbox/sessions>; rel=sessions, "
        "<http://testserver/sandbox/conversations>; rel=conversations, "
        "<http://testserver/sandbox/content>; rel=content"
    )


def test_validation_accepts_a_session(client):
    assert client.get(VALIDATION, headers=open_session()).status_code == 200


def test_validation_refuses_a_request_without_a_session(client):
    assert client.get(VALIDATION).status_code == 401


def test_other_actions_need_no_session(client):
    assert client.get("/sandbox/?action=other").status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "Layer session-token='{}'",
        "Layer session-token={}",
        'layer  session-token="{}"',
    ],
)
def test_every_known_form_of_the_authorization_header_is_accepted(client, header):
    token = state.create_session(state.Session(str(APP_ID), "alice"))
    headers = {"authorization": header.format(token)}

    assert client.get(VALIDATION, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Layer",
        'Layer session-token=""',
        'Layer session-token="unknown"',
        "Layer session-token=\"unknown'",
        'Layer session-token="é"',
        'Layer session-token="\x00"',
        "Bearer unknown",
    ],
)
def test_unknown_session_is_refused_with_a_new_nonce(client, header):
    response = client.get(VALIDATION, headers={"authorization": header})

    answer = response.json()
    assert response.status_code == 401
    assert state.use_nonce(answer["data"]["nonce"])
    assert answer == error(
        "authentication_required",
        4,
        "Sign in again: the header Authorization: Layer "
        'session-token="..." is missing, or its session has ended.',
        nonce=answer["data"]["nonce"],
    )


@pytest.mark.urls(__name__)
def test_namespaces_of_the_including_project_are_respected(client):
    link = client.get("/dev/layer/")["Link"]

    assert link.startswith("<http://testserver/dev/layer/nonces>")
