"""Credentials in the body: Django's backends and hashers check them."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model, user_login_failed
from django.contrib.auth.backends import BaseBackend, ModelBackend
from django.contrib.auth.hashers import PBKDF2PasswordHasher, make_password
from django.contrib.auth.models import User
from django.test import Client

from tests.endpoint import (
    ALICE,
    URL,
    authentication_failed,
    configure,
    log_in,
    read,
)
from tests.models import Guest, Member

HERE = "tests.api.test_password_backends"
BODY = "django_layer_identity.api.authentication.BodyCredentialsAuthentication"


class CountingHasher(PBKDF2PasswordHasher):
    """Records the work for each password."""

    iterations = 7
    work = []

    def encode(self, password, salt, iterations=None):
        self.work.append(iterations or self.iterations)
        return super().encode(password, salt, iterations)


class EmailBackend(ModelBackend):
    """Accepts only an e-mail address as login."""

    def authenticate(self, request, email, password):
        user = User.objects.filter(email=email).first()
        return user if user and user.check_password(password) else None


class DeviceBackend(BaseBackend):
    """Reads Django's request, and accepts guests with any password."""

    def authenticate(self, request, username, password):
        assert request.headers["X-Device"] == "telephone"
        return Guest.objects.get(name=username)


@pytest.fixture(autouse=True)
def _body_credentials(settings):
    configure(settings, AUTHENTICATION_CLASSES=[BODY])


@pytest.fixture
def phone():
    """A client that checks CSRF."""
    return Client(enforce_csrf_checks=True)


def test_an_email_address_goes_to_the_backend_that_takes_one(
    settings, key, alice, phone
):
    settings.AUTHENTICATION_BACKENDS = [f"{HERE}.EmailBackend"]
    alice.email = "alice@example.com"
    alice.save()

    right = {"email": "alice@example.com", "password": "wonderland"}
    assert read(log_in(phone, right))[1]["user_id"] == "alice"
    assert read(log_in(phone, {**right, "password": "x"})) == authentication_failed()
    assert read(log_in(phone, ALICE)) == authentication_failed()


@pytest.mark.parametrize("name", ["email", "username", "user_id"])
def test_an_email_address_is_the_login_if_it_is_the_username_field(
    settings, key, phone, name
):
    settings.AUTH_USER_MODEL = "tests.Member"
    password = make_password("wonderland")
    Member.objects.create(email="zoe@example.com", password=password)

    body = {name: "zoe@example.com", "password": "wonderland", "nonce": ""}
    assert read(log_in(phone, body))[1]["code"] == "nonce_missing"


def test_a_user_model_from_scratch_can_have_its_own_backends(settings, key, phone):
    settings.AUTH_USER_MODEL = "tests.Guest"
    settings.AUTHENTICATION_BACKENDS = [f"{HERE}.DeviceBackend"]
    configure(settings, PERMISSION_CLASSES=[])
    assert str(Guest.objects.create(name="alice")) == "alice"

    body = {**ALICE, "nonce": ""}
    response = log_in(phone, body, headers={"X-Device": "telephone"})

    assert read(response)[1]["code"] == "nonce_missing"


def test_a_login_is_compared_in_the_form_that_django_stores(key, phone):
    get_user_model().objects.create_user("zoe\u0308", password="wonderland")

    for login in ("zoe\u0308", "zo\u00eb"):
        body = {"username": login, "password": "wonderland"}
        assert read(log_in(phone, body))[1]["user_id"] == "zo\u00eb"


def test_a_password_hash_is_upgraded(settings, key, alice, phone):
    hashers = [f"{HERE}.CountingHasher", *settings.PASSWORD_HASHERS]
    settings.PASSWORD_HASHERS = hashers
    assert alice.password.startswith("md5$")

    assert read(log_in(phone, ALICE))[0] == 200

    alice.refresh_from_db()
    assert alice.password.startswith("pbkdf2_sha256$7$")
    assert read(log_in(phone, ALICE))[0] == 200


def test_an_unknown_user_costs_as_much_as_a_wrong_password(settings, key, phone):
    settings.PASSWORD_HASHERS = [f"{HERE}.CountingHasher"]
    User.objects.create_user("zoe", password="wonderland")
    spent = []

    for login in ("zoe", "nobody"):
        CountingHasher.work.clear()
        log_in(phone, {"username": login, "password": "wrong"})
        spent.append(list(CountingHasher.work))

    assert spent == [[7], [7]]


def test_receivers_of_failed_logins_get_no_password(key, alice, phone):
    heard = []

    def listen(sender, credentials, request, **kwargs):
        heard.append((credentials, request.path))

    user_login_failed.connect(listen)
    log_in(phone, {"username": "alice", "password": "wrong"})
    user_login_failed.disconnect(listen)

    cleansed = {"username": "alice", "password": "********************"}
    assert heard == [(cleansed, URL)]
