"""Logins that are not text are refused and counted like others."""

from __future__ import annotations

from base64 import b64encode

import pytest
from django.contrib.auth.backends import ModelBackend
from django.db import OperationalError

from tests.endpoint import (
    ALICE,
    authentication_failed,
    configure,
    log_in,
    read,
)

HERE = "tests.api.test_logins"
BASIC = "rest_framework.authentication.BasicAuthentication"
BODY = "django_layer_identity.api.authentication.BodyCredentialsAuthentication"


class Failing(ModelBackend):
    """Raises an error."""

    error = None

    def authenticate(self, request, **credentials):
        raise self.error


@pytest.mark.parametrize("model", ["tests.Patient", "tests.Soldier"])
@pytest.mark.parametrize("login", ["abc", "17", "9" * 40, "nan", "\u0661", "x\0"])
def test_a_login_that_is_not_text_is_refused_and_counted(
    settings, key, client, model, login
):
    settings.AUTH_USER_MODEL = model
    configure(settings, AUTHENTICATION_CLASSES=[BODY, BASIC])
    basic = b64encode(f"{login}:wonderland".encode()).decode()
    bodies = [{name: login, "password": "wonderland"} for name in ("username", "email")]

    answers = [log_in(client, body) for body in bodies]
    answers += [log_in(client, {}, {"Authorization": f"Basic {basic}"})]

    assert [read(answer) for answer in answers] == [authentication_failed()] * 3


@pytest.mark.parametrize(
    ("error", "status"),
    [(ValueError("abc"), 403), (OperationalError("gone"), 503), (LookupError(), 503)],
    ids=["login", "outage", "bug"],
)
def test_a_password_stays_counted_after_any_error(
    settings, monkeypatch, rate_clock, key, alice, client, error, status
):
    monkeypatch.setattr(Failing, "error", error)
    settings.AUTHENTICATION_BACKENDS = [f"{HERE}.Failing"]
    rates = {"failures": "3/min"}
    configure(settings, AUTHENTICATION_CLASSES=[BODY], THROTTLE_RATES=rates)

    answers = [read(log_in(client, ALICE))[0] for _ in range(4)]

    assert answers == [status, status, status, 429]
