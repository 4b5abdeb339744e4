"""Passwords and API tokens are never shown, even if something fails."""

from __future__ import annotations

import logging

import pytest
from django.db import OperationalError, connection
from django.utils.log import AdminEmailHandler
from django.views.debug import ExceptionReporter

from django_layer_identity.api import authentication
from tests import internals
from tests.endpoint import ALICE, NONCE, URL, configure, log_in, read

BASIC = "rest_framework.authentication.BasicAuthentication"
ALICE_BASIC = "Basic YWxpY2VAZXhhbXBsZS5jb206d29uZGVybGFuZA=="
TOKEN = "rest_framework.authentication.TokenAuthentication"
BODY = "django_layer_identity.api.authentication.BodyCredentialsAuthentication"
SECRETS = ["wonderland", "alice@example.com", NONCE]


@pytest.fixture(autouse=True)
def _body_credentials(settings):
    configure(settings, AUTHENTICATION_CLASSES=[BODY])


def shown(text):
    return [secret for secret in SECRETS if secret in text]


def test_a_database_outage_does_not_reveal_a_password(key, alice, rf, caplog, client):
    def fail(*args):
        raise OperationalError("gone")

    with connection.execute_wrapper(fail):
        response = log_in(client, {"user": {**ALICE, "username": SECRETS[1]}})

    assert read(response)[1]["code"] == "unavailable"
    [record] = [record for record in caplog.records if record.exc_info]
    reporter = ExceptionReporter(rf.get("/"), *record.exc_info)
    report = reporter.get_traceback_text() + reporter.get_traceback_html()
    assert "OperationalError" in report
    assert shown(report + caplog.text) == []


class RecordingHandler(AdminEmailHandler):
    """Writes error reports for administrators, and keeps them."""

    def __init__(self):
        super().__init__(include_html=True)
        self.reports = []

    def send_mail(self, subject, message, html_message=None, **kwargs):
        self.reports.append(f"{subject}{message}{html_message}")


@pytest.fixture
def error_reports():
    """The error reports that administrators would receive."""
    handler = RecordingHandler()
    handler.setLevel(logging.ERROR)
    names = ("django_layer_identity", "django.request")
    for name in names:
        logging.getLogger(name).addHandler(handler)
    yield handler.reports
    for name in names:
        logging.getLogger(name).removeHandler(handler)


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize(
    ("scheme", "authorization", "failures", "place"),
    [
        (BASIC, ALICE_BASIC, "20/min", "get_by_natural_key"),
        (BASIC, ALICE_BASIC, None, "authenticate_credentials"),
        (TOKEN, "Token wonderland", "20/min", "authenticate_credentials"),
    ],
)
def test_a_database_outage_does_not_reveal_a_header(
    settings,
    key,
    alice,
    client,
    caplog,
    error_reports,
    scheme,
    authorization,
    failures,
    place,
    debug,
):
    settings.DEBUG = debug
    rates = {"failures": failures}
    configure(settings, AUTHENTICATION_CLASSES=[scheme], THROTTLE_RATES=rates)

    def fail(*args):
        raise OperationalError("gone")

    with connection.execute_wrapper(fail):
        response = log_in(client, {}, {"Authorization": authorization})

    assert read(response)[1]["code"] == "unavailable"
    assert "OperationalError" in error_reports[0]
    assert place in error_reports[0]
    assert shown(caplog.text + "".join(error_reports)) == []


@pytest.mark.parametrize(
    "body",
    [
        {"username": SECRETS[1], "password": SECRETS[0], "nonce": NONCE},
        {"user[email]": SECRETS[1], "user[password]": SECRETS[0], "nonce": NONCE},
    ],
)
def test_a_bug_in_a_backend_does_not_reveal_a_password(
    monkeypatch, key, client, error_reports, body
):
    def bug(request, **credentials):
        return credentials["no such key"]

    monkeypatch.setattr(internals.AUTHENTICATE, bug)

    assert read(client.post(URL, body))[1]["code"] == "unavailable"

    assert "KeyError" in error_reports[0]
    assert shown("".join(error_reports)) == []


@pytest.mark.parametrize("scheme", [BASIC, BODY], ids=["basic", "body"])
def test_a_bug_before_a_password_is_tried_does_not_reveal_it(
    monkeypatch, settings, client, error_reports, scheme
):
    configure(settings, AUTHENTICATION_CLASSES=[scheme])
    monkeypatch.setattr(internals.MAKE_CREDENTIALS, lambda *args, **kwargs: 1 / 0)
    body = {"username": SECRETS[1], "password": SECRETS[0]}
    client.raise_request_exception = False

    client.post(URL, body, headers={"Authorization": ALICE_BASIC})

    assert "_submitted_credentials" in error_reports[0]
    assert shown("".join(error_reports)) == []


def test_the_repr_of_credentials_shows_only_the_parameter_name():
    found = authentication.Credentials("username", "alice", "wonderland")

    assert repr(found) == "Credentials(name='username')"
