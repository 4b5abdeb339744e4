"""Only the log has Django's reason for a refusal, and the class that refused."""

from __future__ import annotations

import logging

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.test import Client
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission

from tests.endpoint import (
    ALICE,
    JSON,
    NONCE,
    URL,
    ask,
    authentication_failed,
    configure,
    log_in,
    read,
    refusal,
)

HERE = "tests.api.test_refusal_reasons"
BODY = "django_layer_identity.api.authentication.BodyCredentialsAuthentication"
BASIC = "rest_framework.authentication.BasicAuthentication"
MISSING = refusal(
    403,
    "csrf_failed",
    "The CSRF token is missing or wrong: send it in the X-CSRFToken header.",
)
NOT_ACCEPTED = refusal(
    403,
    "csrf_failed",
    "The Referer or Origin header is missing, or is neither this site nor in CSRF_TRUSTED_ORIGINS.",
)


class RaisesError(BaseAuthentication):
    """Raises the exception of the test."""

    raised = None

    def authenticate(self, request):
        raise self.raised


class Contract(BasePermission):
    message = "Bob has no contract."

    def has_permission(self, request, view):
        return False


class PaidContract(Contract):
    code = "unpaid"


class NoPage(BasePermission):
    def has_permission(self, request, view):
        raise Http404("Bob has no contract.")


@pytest.fixture
def reason(caplog):
    """Return the reason in the only log line."""
    caplog.set_level(logging.INFO, "django_layer_identity")

    def reason():
        [line] = [
            record.getMessage()
            for record in caplog.records
            if record.name == "django_layer_identity"
        ]
        return line.partition(" reason=")[2]

    return reason


@pytest.fixture
def browser(key, alice):
    """Alice's session, with CSRF checks."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    client.cookies["csrftoken"] = "c" * 32
    return client


@pytest.mark.parametrize(
    ("headers", "answer", "logged"),
    [
        ({}, NOT_ACCEPTED, "'Referer checking failed - no Referer.'"),
        (
            {"Origin": "https://evil.example"},
            NOT_ACCEPTED,
            "'Origin checking failed - https://evil.example does not match any "
            "trusted origins.'",
        ),
        (
            {"Referer": "https://evil.example/a?token=wonderland"},
            NOT_ACCEPTED,
            "'Referer checking failed - https://evil.example/a'",
        ),
        ({"Origin": "https://testserver"}, MISSING, "'CSRF token missing.'"),
        (
            {"Origin": "https://testserver", "X-CSRFToken": "d" * 32},
            MISSING,
            "\"CSRF token from the 'X-Csrftoken' HTTP header incorrect.\"",
        ),
    ],
)
def test_a_csrf_refusal_says_what_is_wrong_and_the_log_has_djangos_reason(
    browser, reason, headers, answer, logged
):
    response = browser.post(URL, {"nonce": NONCE}, JSON, headers=headers, secure=True)

    assert read(response) == answer
    assert reason() == logged


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (exceptions.AuthenticationFailed("Bob is locked."), "authentication_failed"),
        (exceptions.AuthenticationFailed("Bob is locked.", "locked"), "locked"),
        (exceptions.ValidationError({"Bob": ["locked"]}), "invalid"),
        (PermissionDenied("Bob is locked."), "PermissionDenied"),
    ],
    ids=repr,
)
def test_the_log_names_the_authentication_class_that_refused(
    settings, monkeypatch, client, db, reason, raised, code
):
    monkeypatch.setattr(RaisesError, "raised", raised)
    configure(settings, AUTHENTICATION_CLASSES=[BASIC, f"{HERE}.RaisesError"])

    assert read(client.post(URL, {"nonce": NONCE})) == authentication_failed(401)
    assert reason() == f"'{HERE}.RaisesError: {code}'"


@pytest.mark.parametrize(
    ("headers", "named"),
    [({}, BODY), ({"Authorization": "Basic YWxpY2U6d3Jvbmc="}, BASIC)],
)
def test_with_two_credentials_the_log_names_the_class_that_refused(
    settings, client, key, alice, reason, headers, named
):
    configure(settings, AUTHENTICATION_CLASSES=[BODY, BASIC])
    password = "wonderland" if headers else "wrong"

    response = log_in(client, {**ALICE, "password": password}, headers)

    assert read(response) == authentication_failed()
    assert reason() == f"'{named}: authentication_failed'"


@pytest.mark.parametrize(
    ("permission", "code"),
    [
        (Contract, "permission_denied"),
        (PaidContract, "unpaid"),
        (NoPage, "Http404"),
    ],
)
def test_the_log_names_the_permission_class_that_refused(
    settings, key, alice, reason, permission, code
):
    allowed = "rest_framework.permissions.IsAuthenticated"
    configure(settings, PERMISSION_CLASSES=[allowed, permission])

    assert read(ask(alice, nonce=NONCE))[1]["code"] == "permission_denied"
    assert reason() == f"'{HERE}.{permission.__name__}: {code}'"
