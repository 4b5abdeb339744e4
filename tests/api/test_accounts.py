"""Wrong passwords are counted by account, for every spelling of its login."""

from __future__ import annotations

from base64 import b64encode

import pytest
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User, UserManager
from django.core.cache.backends.locmem import LocMemCache
from django.db import OperationalError, connection
from django.db.models import Index, Q, UniqueConstraint
from django.db.models.functions import Lower

from tests.endpoint import (
    ALICE,
    NONCE,
    URL,
    configure,
    read,
)
from tests.models import Guest, Patient

HERE = "tests.api.test_accounts"
BASIC = "rest_framework.authentication.BasicAuthentication"
BODY = "django_layer_identity.api.authentication.BodyCredentialsAuthentication"
NUMBER = "abcdefab-0000-4000-8000-00000000000a"
EMAIL = "zoe@example.com"


class Recording(LocMemCache):
    """Records its calls."""

    calls = []

    def get(self, *args, **kwargs):
        self.calls.append("get")
        return super().get(*args, **kwargs)

    def add(self, *args, **kwargs):
        self.calls.append("add")
        return super().add(*args, **kwargs)

    def incr(self, *args, **kwargs):
        self.calls.append("incr")
        return super().incr(*args, **kwargs)


class Directory(ModelBackend):
    """Accepts one password, without a database."""

    def authenticate(self, request, username, password):
        right = password == "wonderland"
        return User.objects.get(username="alice") if right else None


@pytest.fixture(autouse=True)
def _three_failures(settings, rate_clock, key):
    rates = {"failures": "3/min"}
    configure(settings, AUTHENTICATION_CLASSES=[BODY, BASIC], THROTTLE_RATES=rates)


@pytest.fixture
def patient(settings, key):
    """A user with a number as login, which can be written in many ways."""
    settings.AUTH_USER_MODEL = "tests.Patient"
    return Patient.objects.create(number=NUMBER, email=EMAIL)


@pytest.fixture
def guess(client):
    """Try a wrong password from a new address, and return the status."""
    hosts = iter(range(1, 255))

    def guess(headers=None, **login):
        body = {"nonce": NONCE, "password": "wrong", **login} if login else {}
        address = f"192.0.2.{next(hosts)}"
        return read(client.post(URL, body, headers=headers, REMOTE_ADDR=address))[0]

    return guess


def basic(login):
    code = b64encode(f"{login}:wrong".encode()).decode()
    return {"Authorization": f"Basic {code}"}


def test_spellings_of_one_login_share_the_count_of_the_account(patient, guess):
    spellings = [NUMBER, NUMBER.replace("-", ""), f"{{{NUMBER}}}", f"urn:uuid:{NUMBER}"]

    assert [guess(username=one) for one in spellings] == [403, 403, 403, 429]


def test_basic_credentials_share_the_count_of_the_account(patient, guess):
    spellings = [NUMBER, NUMBER.replace("-", ""), f"{{{NUMBER}}}"]

    assert [guess(basic(one)) for one in spellings] == [403, 403, 403]
    assert guess(user_id=f"urn:uuid:{NUMBER}") == 429


def test_an_email_address_shares_the_count_of_the_account(patient, guess):
    assert [guess(email=EMAIL) for _ in range(3)] == [403, 403, 403]

    assert guess(username=NUMBER) == 429


@pytest.mark.parametrize(
    ("kind", "of_email", "status"),
    [
        pytest.param("indexes", [], 403, id="none"),
        pytest.param("indexes", [Index(fields=["email"], name="a")], 429, id="index"),
        pytest.param(
            "indexes", [Index(fields=["username", "email"], name="b")], 403, id="second"
        ),
        pytest.param(
            "indexes",
            [Index(fields=["email"], name="c", condition=Q(is_active=True))],
            403,
            id="of-some",
        ),
        pytest.param(
            "constraints",
            [UniqueConstraint(fields=["email"], name="d")],
            429,
            id="constraint",
        ),
        pytest.param(
            "constraints", [UniqueConstraint(Lower("email"), name="e")], 403, id="lower"
        ),
        pytest.param("unique_together", [("email", "username")], 429, id="together"),
    ],
)
def test_an_email_address_is_looked_up_only_with_an_index(
    monkeypatch, alice, guess, kind, of_email, status
):
    monkeypatch.setattr(User._meta, kind, of_email)
    User.objects.filter(pk=alice.pk).update(email=EMAIL)
    for _ in range(3):
        guess(email=EMAIL)

    assert guess(username="alice") == status


def test_a_user_model_without_natural_keys_has_accounts_too(
    monkeypatch, settings, guess
):
    settings.AUTH_USER_MODEL = "tests.Guest"
    monkeypatch.setattr(Guest, "USERNAME_FIELD", "id", raising=False)
    settings.AUTHENTICATION_BACKENDS = ["tests.api.test_accounts.Directory"]
    Guest.objects.create(id=7, name="Zoe")

    assert [guess(username=one) for one in ("7", "07", "007", " 7")] == [403] * 3 + [
        429
    ]


def test_an_unknown_login_takes_as_many_cache_calls_as_an_account(
    settings, alice, guess
):
    settings.CACHES = {"default": {"BACKEND": f"{HERE}.Recording"}}
    made = []

    for login in ("alice", "carol"):
        Recording.calls = []
        guess(username=login)
        made.append(Recording.calls)

    assert made == [["get"] * 3 + ["incr", "add"] * 3] * 2


def test_a_login_that_looks_like_a_primary_key_is_not_that_account(alice, guess):
    for _ in range(3):
        guess(username=str(alice.pk))

    assert guess(username="alice") == 403


def test_both_passwords_of_one_request_are_counted(alice, guess):
    User.objects.create_user("bob", password="builder")

    for _ in range(3):
        guess(basic("bob"), **ALICE)

    assert guess(username="bob") == 429
    assert guess(username="alice") == 429


def test_a_login_over_the_limit_is_not_looked_up(
    alice, guess, django_assert_num_queries
):
    for _ in range(3):
        guess(username="alice")

    with django_assert_num_queries(0):
        assert guess(username="alice") == 429


def test_a_failed_lookup_does_not_affect_authentication(
    settings, monkeypatch, alice, guess
):
    def fail(*args):
        raise LookupError("a bug in the project's manager")

    monkeypatch.setattr(UserManager, "get_by_natural_key", fail)
    settings.AUTHENTICATION_BACKENDS = [f"{HERE}.Directory"]

    assert guess(**ALICE) == 200
    assert [guess(username="alice") for _ in range(4)] == [403, 403, 403, 429]


def test_an_unavailable_database_is_queried_once(alice, guess):
    asked = []

    def fail(execute, sql, *args):
        asked.append(sql)
        raise OperationalError("gone")

    with connection.execute_wrapper(fail):
        assert guess(**ALICE) == 503

    assert len(asked) == 1
