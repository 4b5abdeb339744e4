"""django-cors-headers and the sandbox. ``tests/guides`` tests the package for real."""

from __future__ import annotations

import pytest
from django.core.checks import Warning
from django.urls import include, path, set_script_prefix

from tests.checks import found

MIDDLEWARE = ["corsheaders.middleware.CorsMiddleware"]
WARNING = Warning(
    "django-cors-headers answers in the sandbox's place at /sandbox/: Layer's SDKs "
    "cannot use the sandbox from a web page.",
    hint="Let CORS_URLS_REGEX match only the URLs of your own API, for example: "
    'CORS_URLS_REGEX = r"^/layer/".',
    id="layer_identity.W052",
)

urlpatterns = [path("layer/", include("django_layer_identity.urls"))]


@pytest.fixture(autouse=True)
def _middleware(settings):
    settings.MIDDLEWARE = [*MIDDLEWARE, *settings.MIDDLEWARE]


def test_cors_headers_for_every_url_are_reported(settings):
    assert found(settings, SANDBOX=True) == [WARNING]


@pytest.mark.parametrize(
    ("regex", "warnings"),
    [("^/sandbox/.*$", [WARNING]), ("^/layer/", []), ("^/", [WARNING])],
)
def test_the_regex_decides_whether_cors_headers_are_reported(settings, regex, warnings):
    settings.CORS_URLS_REGEX = regex

    assert found(settings, SANDBOX=True) == warnings


@pytest.mark.parametrize("regex", ["(", None, b"^/"])
def test_a_wrong_expression_is_left_to_django_cors_headers(settings, regex):
    settings.CORS_URLS_REGEX = regex

    assert found(settings, SANDBOX=True) == []


def test_the_prefix_of_the_server_is_not_part_of_the_path(settings):
    settings.CORS_URLS_REGEX = "^/sandbox/"
    set_script_prefix("/chat/")
    try:
        [warning] = found(settings, SANDBOX=True)
    finally:
        set_script_prefix("/")

    assert "at /chat/sandbox/:" in warning.msg


def test_cors_headers_without_an_enabled_sandbox_are_accepted(settings):
    assert found(settings) == []


def test_cors_headers_are_accepted_if_the_sandbox_has_no_urls(settings):
    settings.ROOT_URLCONF = "tests.checks.test_cors"

    assert found(settings, SANDBOX=True) == []


def test_a_sandbox_without_cors_headers_is_accepted(settings):
    settings.MIDDLEWARE = settings.MIDDLEWARE[1:]

    assert found(settings, SANDBOX=True) == []
