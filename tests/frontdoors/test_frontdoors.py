"""Authentication packages with the endpoint, set up as documented."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.permissions import IsAuthenticated

from django_layer_identity.mapping.users import impersonator_of
from tests.endpoint import (
    ALICE,
    JSON,
    NONCE,
    URL,
    authentication_failed,
    configure,
    decode,
    log_in,
    not_authenticated,
    read,
    refusal,
)
from tests.fresh import SETTINGS, URLS, add, environment, start_project
from tests.frontdoors.recipes import RECIPES

pytestmark = [
    pytest.mark.frontdoor,
    pytest.mark.skipif(
        os.environ["DJANGO_SETTINGS_MODULE"] != "tests.frontdoors.settings",
        reason="Run it with --ds=tests.frontdoors.settings.",
    ),
]

NOT_PERMITTED = refusal(
    403,
    "permission_denied",
    "This user is not allowed to get an identity token. Do not try again.",
)


def address(title, path):
    """Return the path of a URL that a recipe adds."""
    return f"/{list(RECIPES).index(title)}/{path}"


def bearer(token, scheme="Bearer"):
    return {"Authorization": f"{scheme} {token}"}


def has_token_for_alice(response, key):
    """Return whether the answer has an identity token for Alice."""
    status, body = read(response)
    claims = decode(body["identity_token"], key)
    return (status, claims["prn"], claims["nce"]) == (200, "alice", NONCE)


@pytest.mark.parametrize("title", RECIPES)
def test_a_fresh_project_with_the_recipe_starts(title, tmp_path):
    start_project(tmp_path)
    add(tmp_path, {"settings.py": SETTINGS, "urls.py": URLS})
    add(tmp_path, RECIPES[title])

    subprocess.run(
        [sys.executable, "manage.py", "check", "--fail-level", "WARNING"],
        cwd=tmp_path,
        env=environment(LAYER_KEY_ENCRYPTION_KEY="x" * 32),
        check=True,
    )


def test_sessions(follow, key, alice, phone):
    follow("Sessions")
    phone.get("/sessions/login")
    form = {**ALICE, "csrfmiddlewaretoken": phone.cookies["csrftoken"].value}
    assert phone.post("/sessions/login", form).status_code == 302

    headers = {"X-CSRFToken": phone.cookies["csrftoken"].value}
    assert has_token_for_alice(log_in(phone, {}, headers), key)

    assert read(log_in(phone, {}))[1]["code"] == "csrf_failed"


def test_rest_framework_tokens(follow, key, alice, phone):
    follow("REST framework's tokens")
    url = address("REST framework's tokens", "login")
    token = phone.post(url, ALICE).json()["token"]

    assert has_token_for_alice(log_in(phone, {}, bearer(token, "Token")), key)

    alice.auth_token.delete()
    assert read(log_in(phone, {}, bearer(token, "Token"))) == (
        authentication_failed(401)
    )


@pytest.fixture
def access_token(follow, alice, phone):
    """A SimpleJWT access token for Alice."""
    follow("SimpleJWT")
    return phone.post(address("SimpleJWT", "login"), ALICE).json()["access"]


def test_simplejwt(access_token, key, phone):
    assert has_token_for_alice(log_in(phone, {}, bearer(access_token)), key)

    assert read(log_in(phone, {}, bearer(access_token[:-2]))) == (
        authentication_failed(401)
    )
    assert read(log_in(phone, {})) == not_authenticated(401)


def test_simplejwt_with_a_deleted_user(access_token, key, alice, phone):
    alice.delete()

    assert read(log_in(phone, {}, bearer(access_token))) == authentication_failed(401)


def test_simplejwt_without_users(settings, access_token, key, phone):
    stateless = "JWTStatelessUserAuthentication"
    classes = [f"rest_framework_simplejwt.authentication.{stateless}"]
    configure(settings, AUTHENTICATION_CLASSES=classes)

    assert read(log_in(phone, {}, bearer(access_token))) == authentication_failed(401)


LOGINS = ["REST framework's tokens", "SimpleJWT"]


@pytest.mark.parametrize("title", LOGINS)
def test_failed_logins_of_a_recipe_are_limited(follow, alice, phone, title):
    follow(title)
    guess, url = {**ALICE, "password": "wrong"}, address(title, "login")

    statuses = [
        phone.post(
            url, guess, headers={"X-Forwarded-For": f"192.0.2.{number}"}
        ).status_code
        for number in range(30)
    ]

    assert statuses[20:] == [429] * 10
    assert 429 not in statuses[:20]


def test_valid_credentials_do_not_raise_the_limit_of_failed_logins(
    follow, alice, phone
):
    follow("REST framework's tokens")
    own = bearer(base64.b64encode(b"alice:wonderland").decode(), "Basic")
    guess = {"username": "bob", "password": "wrong"}
    url = address("REST framework's tokens", "login")

    statuses = [phone.post(url, guess, headers=own).status_code for _ in range(21)]

    assert statuses == [400] * 20 + [429]


def test_knox(follow, key, alice, phone):
    follow("knox")
    basic = base64.b64encode(b"alice:wonderland").decode()
    url = address("knox", "knox/login/")
    token = phone.post(url, headers=bearer(basic, "Basic")).json()["token"]

    assert has_token_for_alice(log_in(phone, {}, bearer(token, "Token")), key)

    phone.post(address("knox", "knox/logout/"), headers=bearer(token, "Token"))
    assert read(log_in(phone, {}, bearer(token, "Token"))) == (
        authentication_failed(401)
    )


def test_knox_with_a_header_that_is_not_ascii(follow, key, alice, phone):
    follow("knox")

    response = log_in(phone, {}, {"Authorization": "Token \xe9"})

    assert read(response) == authentication_failed(401)


def oauth_token(user, scope):
    from oauth2_provider.models import AccessToken

    expires = timezone.now() + timedelta(hours=1)
    return AccessToken.objects.create(
        user=user,
        token=f"{user} {scope}".replace(" ", "-"),
        scope=scope,
        expires=expires,
    ).token


def test_django_oauth_toolkit(follow, key, alice, phone):
    follow("django-oauth-toolkit")

    assert has_token_for_alice(
        log_in(phone, {}, bearer(oauth_token(alice, "read layer"))), key
    )


def test_django_oauth_toolkit_ignores_the_query_string(follow, key, alice, phone):
    follow("django-oauth-toolkit")
    token = oauth_token(alice, "layer")

    response = phone.post(f"{URL}?access_token={token}", {"nonce": NONCE}, JSON)

    assert read(response) == not_authenticated(401)


def test_django_oauth_toolkit_without_the_scope(follow, key, alice, phone):
    follow("django-oauth-toolkit")

    assert read(log_in(phone, {}, bearer(oauth_token(alice, "read")))) == NOT_PERMITTED


def test_django_oauth_toolkit_without_a_user(follow, key, phone):
    from oauth2_provider.models import Application

    follow("django-oauth-toolkit")
    Application.objects.create(
        name="Robot",
        client_id="robot",
        client_secret="robot-secret",
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_CLIENT_CREDENTIALS,
    )
    robot = base64.b64encode(b"robot:robot-secret").decode()
    form = {"grant_type": "client_credentials", "scope": "layer"}
    url = address("django-oauth-toolkit", "o/token/")
    answer = phone.post(url, form, headers=bearer(robot, "Basic")).json()
    assert answer["scope"] == "layer"

    response = log_in(phone, {}, bearer(answer["access_token"]))

    assert read(response) == authentication_failed(401)


def test_django_oauth_toolkit_has_no_page_to_register_clients(follow, alice, phone):
    follow("django-oauth-toolkit")
    phone.force_login(alice)

    url = address("django-oauth-toolkit", "o/applications/register/")
    assert phone.get(url).status_code == 404


def test_allauth(follow, key, alice, phone):
    follow("allauth, headless")
    url = address("allauth, headless", "_allauth/app/v1/auth/login")
    alice.emailaddress_set.create(email="alice@example.com", verified=True)
    answer = phone.post(url, ALICE, JSON).json()
    headers = {"X-Session-Token": answer["meta"]["session_token"]}

    assert has_token_for_alice(log_in(phone, {}, headers), key)

    assert read(log_in(phone, {}, {"X-Session-Token": "made-up"})) == (
        not_authenticated()
    )


def test_allauth_accepts_an_email_address_in_the_body(
    settings, follow, key, alice, phone
):
    follow("allauth, headless")
    body = "django_layer_identity.api.authentication.BodyCredentialsAuthentication"
    configure(settings, AUTHENTICATION_CLASSES=[body])
    settings.ACCOUNT_LOGIN_METHODS = {"email", "username"}
    alice.emailaddress_set.create(email="alice@example.com", verified=True)

    user = {"email": "alice@example.com", "password": "wonderland"}
    assert has_token_for_alice(log_in(phone, {"user": user}), key)

    user["password"] = "wrong"
    assert read(log_in(phone, {"user": user})) == authentication_failed()


def test_axes(settings, follow, key, alice, phone):
    follow("django-axes")
    settings.AXES_FAILURE_LIMIT = 3
    assert has_token_for_alice(log_in(phone, ALICE), key)

    wrong = {**ALICE, "password": "wrong"}
    answers = [read(log_in(phone, wrong)) for _ in range(3)]
    assert answers == [authentication_failed()] * 3

    assert read(log_in(phone, ALICE)) == authentication_failed()


def test_the_middleware_of_axes_replaces_the_answer(
    settings, follow, key, alice, phone
):
    follow("django-axes")
    settings.AXES_FAILURE_LIMIT = 1
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "axes.middleware.AxesMiddleware"]

    response = log_in(phone, {**ALICE, "password": "wrong"})

    assert response.status_code == 429
    assert response["Content-Type"] != JSON


def test_credentials_in_the_body(follow, key, alice, phone):
    follow("Credentials in the body")

    assert has_token_for_alice(log_in(phone, ALICE), key)


@pytest.fixture
def root(follow, settings, client, alice):
    """A superuser's client, in a project with the middleware of every package."""
    follow("Impersonation")
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE,
        "hijack.middleware.HijackUserMiddleware",
        "impersonate.middleware.ImpersonateMiddleware",
    ]
    configure(
        settings,
        AUTHENTICATION_CLASSES=["rest_framework.authentication.SessionAuthentication"],
    )
    client.root = User.objects.create_superuser("root")
    client.force_login(client.root)
    return client


def impersonate_with_hijack(client, user):
    return client.post("/hijack/acquire/", {"user_pk": user.pk})


def impersonate_with_loginas(client, user):
    return client.post(f"/loginas/login/user/{user.pk}/")


def impersonate_with_impersonate(client, user):
    return client.get(f"/impersonate/{user.pk}/")


IMPERSONATIONS = [
    impersonate_with_hijack,
    impersonate_with_loginas,
    impersonate_with_impersonate,
]
STOPS = ["/hijack/release/", "/loginas/logout/", "/impersonate/stop/"]


@pytest.mark.parametrize("impersonate", IMPERSONATIONS)
def test_staff_who_impersonate_a_user_get_no_token(root, key, alice, impersonate):
    assert impersonate(root, alice).status_code == 302

    response = log_in(root, {})

    assert read(response) == NOT_PERMITTED
    assert response.wsgi_request.user == alice
    assert impersonator_of(response.wsgi_request) == str(root.root.pk)


@pytest.mark.parametrize("impersonate", IMPERSONATIONS)
def test_without_the_permission_class_staff_get_the_users_token(
    settings, root, key, alice, impersonate
):
    configure(settings, PERMISSION_CLASSES=[IsAuthenticated])
    impersonate(root, alice)

    assert has_token_for_alice(log_in(root, {}), key)


@pytest.mark.parametrize(
    ("impersonate", "stop"), list(zip(IMPERSONATIONS, STOPS, strict=True))
)
def test_staff_who_stop_impersonating_get_their_own_token(
    root, key, alice, impersonate, stop
):
    impersonate(root, alice)
    root.post(stop)

    response = log_in(root, {})

    assert read(response)[0] == 200
    assert response.wsgi_request.user == root.root


def test_a_user_who_logs_in_gets_a_token_with_impersonation_installed(root, key, alice):
    root.force_login(alice)

    assert has_token_for_alice(log_in(root, {}), key)
