from __future__ import annotations

import pytest
from django.urls import include, path
from messenger.urls import urlpatterns as own

from tests.endpoint import NONCE, URL, configure, read

PAGE = "https://app.example.com"
SDK_HEADERS = "client-id, layer-xdk-version"
SANDBOX_URL = "/sandbox/nonces"

urlpatterns = [
    *own,
    path("sandbox/", include("django_layer_identity.sandbox.urls")),
]


def test_only_the_deployment_is_left_to_configure(warnings):
    assert warnings == ["layer_identity.W041", "layer_identity.W040"]


def preflight(client, url, origin=PAGE, headers="content-type, x-csrftoken"):
    return client.options(
        url,
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": headers,
        },
    )


def test_the_page_may_send_credentials_and_its_headers(client):
    answer = preflight(client, URL)

    allowed = answer["Access-Control-Allow-Headers"].split(", ")
    assert {"content-type", "x-csrftoken"} <= set(allowed)
    assert answer["Access-Control-Allow-Origin"] == PAGE
    assert answer["Access-Control-Allow-Credentials"] == "true"


def test_another_page_may_not(client):
    answer = preflight(client, URL, origin="https://evil.example.com")

    assert "Access-Control-Allow-Origin" not in answer


def ask(client, origin=PAGE):
    token = client.get("/layer/csrf", headers={"Origin": PAGE}).json()["token"]
    headers = {"Origin": origin, "X-CSRFToken": token, "Referer": f"{origin}/"}
    return client.post(URL, {"nonce": NONCE}, headers=headers)


@pytest.fixture
def browser(key, alice, client):
    client.handler.enforce_csrf_checks = True
    client.force_login(alice)
    return client


def test_the_page_gets_a_token_with_the_session_cookie(browser):
    answer = ask(browser)

    assert read(answer)[0] == 200
    assert answer["Access-Control-Allow-Origin"] == PAGE
    assert answer["Access-Control-Expose-Headers"] == "Retry-After"


def test_another_page_gets_no_token_although_the_cookie_is_sent(browser):
    status, body = read(ask(browser, "https://evil.example.com"))

    assert (status, body["code"]) == (403, "csrf_failed")


@pytest.fixture
def sandbox(settings):
    """The sandbox in the same project."""
    settings.ROOT_URLCONF = "tests.guides.test_browser_clients"
    settings.INSTALLED_APPS = [
        *settings.INSTALLED_APPS,
        "django_layer_identity.sandbox",
    ]
    configure(settings, SANDBOX=True)


def allowed_headers(client):
    answer = preflight(client, SANDBOX_URL, headers=SDK_HEADERS)
    return answer.get("Access-Control-Allow-Headers", "")


def test_the_sandbox_answers_for_itself(sandbox, client, warnings):
    assert SDK_HEADERS in allowed_headers(client)
    assert "layer_identity.W052" not in warnings


@pytest.fixture
def cors_everywhere(settings, sandbox):
    settings.CORS_URLS_REGEX = r"^.*$"  # the default


def test_the_check_warns_before_cors_headers_answer_for_the_sandbox(
    cors_everywhere, client, warnings
):
    assert SDK_HEADERS not in allowed_headers(client)
    assert "layer_identity.W052" in warnings
