"""Credentials in the body: who is let in by them, and who is not."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth import get_user_model, user_login_failed
from django.contrib.auth.backends import BaseBackend, ModelBackend
from django.contrib.auth.hashers import PBKDF2PasswordHasher, make_password
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from django_layer_identity.api.authentication import BodyCredentialsAuthentication
from tests.endpoint import (
    ALICE,
    FORM,
    JSON,
    MULTIPART,
    URL,
    authentication_failed,
    configure,
    log_in,
    multipart,
    not_authenticated,
    part,
    read,
    refusal,
    swap_user_model,
)
from tests.models import Guest, Member

HERE = "tests.api.test_body_credentials"
BODY = "django_layer_identity.api.authentication.BodyCredentialsAuthentication"


class CountingHasher(PBKDF2PasswordHasher):
    """Keeps the work that each password took, in order."""

    iterations = 7
    work = []

    def encode(self, password, salt, iterations=None):
        self.work.append(iterations or self.iterations)
        return super().encode(password, salt, iterations)


class EmailBackend(ModelBackend):
    """Takes an e-mail address, and nothing else."""

    def authenticate(self, request, email, password):
        user = User.objects.filter(email=email).first()
        return user if user and user.check_password(password) else None


class DeviceBackend(BaseBackend):
    """Asks Django's request, and lets in guests under any password."""

    def authenticate(self, request, username, password):
        assert request.headers["X-Device"] == "telephone"
        return Guest.objects.get(name=username)


@pytest.fixture(autouse=True)
def _body_credentials(settings):
    configure(settings, AUTHENTICATION_CLASSES=[BODY])


@pytest.fixture
def phone():
    """A client that is exempt from nothing."""
    return Client(enforce_csrf_checks=True)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(ALICE, id="flat"),
        pytest.param({"user": ALICE}, id="below-user"),
        pytest.param({"user_id": "alice", "password": "wonderland"}, id="user-id"),
        pytest.param(
            {"user": {"user_id": "alice", "password": "wonderland"}},
            id="user-id-below-user",
        ),
        pytest.param({**ALICE, "email": "bob@example.com"}, id="username-first"),
        pytest.param({**ALICE, "user": {"name": "Alice"}}, id="user-without-password"),
        pytest.param({**ALICE, "user": "alice"}, id="user-is-no-object"),
        pytest.param(
            {
                "username": "",
                "email": None,
                "user_id": "alice",
                "password": "wonderland",
            },
            id="empty-ones-are-none",
        ),
    ],
)
def test_a_password_lets_in(key, alice, phone, body):
    status, answer = read(log_in(phone, body))

    assert (status, answer["user_id"]) == (200, "alice")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (FORM, "username=alice&password=wonderland&nonce=abc"),
        (FORM, "user%5Busername%5D=alice&user[password]=wonderland&nonce=abc"),
        (
            MULTIPART,
            multipart(
                part("name=username", "alice"),
                part("name=password", "wonderland"),
                part("name=nonce", "abc"),
            ),
        ),
    ],
)
def test_a_password_in_a_form_lets_in(key, alice, phone, content_type, body):
    assert read(phone.generic("POST", URL, body, content_type))[0] == 200


def test_nothing_is_left_behind_that_lets_in_the_next_one(key, alice, phone):
    log_in(phone, ALICE)

    assert phone.cookies == {}
    assert read(log_in(phone, {})) == not_authenticated()


def test_it_is_opt_in(settings, key, alice, phone):
    configure(settings, AUTHENTICATION_CLASSES=None)

    assert read(log_in(phone, ALICE)) == not_authenticated()


@pytest.mark.parametrize(
    "body",
    [
        {"username": "alice", "password": "wrong"},
        {"username": "carol", "password": "wonderland"},
        {"username": "Alice", "password": "wonderland"},
        {"username": "alice", "password": ""},
        {"username": "alice", "password": None},
        {"username": "alice", "password": 17},
        {"username": "alice", "password": ["wonderland"]},
        {"username": "alice", "password": {"a": 1}},
        {"username": "alice", "password": "wonder\0land"},
        {"username": "ali\0ce", "password": "wonderland"},
        {"username": ["alice"], "password": "wonderland"},
        {"username": {"$ne": ""}, "password": "wonderland"},
        {"username": True, "password": "wonderland"},
        {"username": "", "password": "wonderland"},
        {"password": "wonderland"},
        {"email": "alice@example.com", "password": "wonderland"},
        {"user": {"password": "wonderland"}},
        {"username": "alice", "user": {"password": "wonderland"}},
        {**ALICE, "user": ALICE},
        {**ALICE, "user": {"password": None}},
    ],
    ids=json.dumps,
)
def test_whatever_else_comes_with_a_password_is_refused_in_one_way(
    key, alice, phone, body
):
    alice.email = "alice@example.com"
    alice.save()

    assert read(log_in(phone, body)) == authentication_failed()


@pytest.mark.parametrize(
    "form",
    [
        "username=alice&password=wrong&password=wonderland",
        "username=bob&username=alice&password=wonderland",
        "username=alice&password=wonderland&user[password]=wonderland",
    ],
)
def test_a_form_says_each_thing_once(key, alice, phone, form):
    response = phone.generic("POST", URL, f"nonce=abc&{form}", FORM)

    assert read(response) == authentication_failed()


def test_a_file_is_no_password(key, alice, phone):
    body = multipart(
        part("name=username", "alice"),
        part("name=password; filename=p.txt", "wonderland"),
        part("name=nonce", "abc"),
    )

    assert read(phone.generic("POST", URL, body, MULTIPART)) == authentication_failed()


@pytest.mark.parametrize(
    "body",
    ['{"password": "x"', '{"username": "a", "password": "x", "nonce": 1, "nonce": 1}'],
)
def test_a_body_that_cannot_be_read_has_no_password(key, alice, phone, body):
    assert read(phone.post(URL, body, JSON)) == not_authenticated()


def test_a_user_switched_off_is_a_wrong_password(key, alice, phone):
    alice.is_active = False
    alice.save()

    assert read(log_in(phone, ALICE)) == authentication_failed()


def test_a_backend_may_let_in_users_switched_off_and_we_do_not(
    settings, key, alice, phone
):
    backend = "django.contrib.auth.backends.AllowAllUsersModelBackend"
    settings.AUTHENTICATION_BACKENDS = [backend]
    alice.is_active = False
    alice.save()

    assert read(log_in(phone, ALICE)) == refusal(
        403, "user_inactive", "This user account is inactive."
    )


def test_a_user_id_beside_a_login_is_compared_as_ever(key, alice, phone):
    assert read(log_in(phone, {**ALICE, "user_id": "bob"})) == refusal(
        403,
        "user_id_mismatch",
        "The “user_id” sent is not the Layer user ID of the logged-in user.",
        user_id="alice",
    )


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
def test_an_email_address_is_the_login_where_the_user_model_says_so(
    settings, key, phone, name
):
    swap_user_model(settings, "tests.Member")
    password = make_password("wonderland")
    Member.objects.create(email="zoe@example.com", password=password)

    response = log_in(phone, {name: "zoe@example.com", "password": "wonderland"})

    assert read(response)[1]["user_id"] == "zoe@example.com"


def test_a_user_model_from_scratch_has_backends_of_its_own(settings, key, phone):
    swap_user_model(settings, "tests.Guest")
    settings.AUTHENTICATION_BACKENDS = [f"{HERE}.DeviceBackend"]
    configure(
        settings, USER_ID=lambda context: str(context.user), PERMISSION_CLASSES=[]
    )
    Guest.objects.create(name="alice")

    response = log_in(phone, ALICE, headers={"X-Device": "telephone"})

    assert read(response)[1]["user_id"] == "alice"


def test_a_login_is_compared_in_the_form_that_django_stores(key, phone):
    get_user_model().objects.create_user("zoe\u0308", password="wonderland")

    for login in ("zoe\u0308", "zo\u00eb"):
        body = {"username": login, "password": "wonderland"}
        assert read(log_in(phone, body))[1]["user_id"] == "zo\u00eb"


def test_a_password_is_upgraded_as_anywhere_else(settings, key, alice, phone):
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


def test_whoever_listens_to_failures_hears_no_password(key, alice, phone):
    heard = []

    def listen(sender, credentials, request, **kwargs):
        heard.append((credentials, request.path))

    user_login_failed.connect(listen)
    log_in(phone, {"username": "alice", "password": "wrong"})
    user_login_failed.disconnect(listen)

    cleansed = {"username": "alice", "password": "********************"}
    assert heard == [(cleansed, URL)]


def test_in_a_view_of_the_project_it_is_a_class_like_any_other(alice):
    http = APIRequestFactory().post("/", ["no", "object"], format="json")

    request = Request(http, parsers=[JSONParser()])

    assert BodyCredentialsAuthentication().authenticate(request) is None
