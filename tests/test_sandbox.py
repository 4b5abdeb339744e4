from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from itertools import count
from urllib.parse import quote
from uuid import UUID

import pytest
from django.test import Client
from django.urls import include, path

from django_layer_identity.keys.signers import LocalSigner
from django_layer_identity.models import LayerApp, SigningKey
from django_layer_identity.protocol.claims import IdentityClaims
from django_layer_identity.protocol.identifiers import KeyID, ProviderID
from django_layer_identity.protocol.token import sign_identity_token
from django_layer_identity.sandbox import state
from tests.conftest import APP_ID, KEY_ID, PROVIDER_ID

ACCEPT = "application/vnd.layer+json; version=2.0"
ERRORS = "https://docs.layer.com/reference/client_api/errors"
OTHER_APP_ID = UUID("aaaaaaaa-0000-4000-8000-000000000005")
OTHER_PROVIDER_ID = UUID("bbbbbbbb-0000-4000-8000-000000000006")
LONG_AGO = datetime(2020, 1, 1, tzinfo=timezone.utc)


# A project may include the sandbox below namespaces of its own.
sandbox_urls = include("django_layer_identity.sandbox.urls", namespace="fake")
urlpatterns = [path("dev/", include(([path("layer/", sandbox_urls)], "dev")))]


@pytest.fixture
def client():
    return Client(headers={"accept": ACCEPT}, enforce_csrf_checks=True)


def create_app(app_id=OTHER_APP_ID, provider_id=PROVIDER_ID, **fields):
    return LayerApp.objects.create(
        name="Another", app_id=app_id, provider_id=provider_id, **fields
    )


def create_key(app, private_key, key_id=KEY_ID, **fields):
    return SigningKey.objects.create(
        app=app,
        key_id=key_id,
        fingerprint=private_key.fingerprint,
        public_key=private_key.public_pem,
        bits=private_key.bits,
        **fields,
    )


def make_token(private_key, *, key_id=KEY_ID, **changes):
    now = datetime.now(timezone.utc)
    claims = {
        "provider_id": ProviderID(PROVIDER_ID),
        "user_id": "alice",
        "nonce": state.create_nonce(),
        "issued_at": now - timedelta(seconds=5),
        "expires_at": now + timedelta(minutes=5),
        **changes,
    }
    return sign_identity_token(
        IdentityClaims(**claims), LocalSigner(KeyID(key_id), private_key)
    )


def post_session(client, token, app_id=f"layer:///apps/production/{APP_ID}", **extra):
    body = {"identity_token": token, "app_id": app_id}
    return client.post("/sandbox/sessions", body, "application/json", **extra)


def open_session(user_id="alice"):
    session = state.Session(str(APP_ID), user_id)
    state.keep_identity(session, {})
    return authorization(state.create_session(session))


def authorization(token):
    return {"authorization": f'Layer session-token="{token}"'}


def error(id, code, message, /, **data):
    return {"id": id, "code": code, "message": message, "url": ERRORS, "data": data}


def assert_token_refused(response, code):
    """Compare all but the sentence, which comes from the validator or the registry."""
    answer = response.json()
    message = answer["message"]
    assert response.status_code == 422
    assert message.startswith(f"{code}: ")
    assert answer == error(
        "invalid_property", 105, message, property="identity_token", code=code
    )


# Where it answers at all


PATHS = ["", "ping", "nonces", "sessions", "sessions/x", "identities/x", "nowhere"]


@pytest.mark.parametrize("layer_identity", [{}, {"SANDBOX": None}, {"SANDBOX": 1}])
@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_production_has_no_sandbox(client, settings, layer_identity, name, method):
    settings.LAYER_IDENTITY = layer_identity

    response = client.generic(method, f"/sandbox/{name}")

    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/html")
    assert "Access-Control-Allow-Origin" not in response


def test_debug_switches_it_on(client, settings):
    settings.DEBUG = True
    settings.LAYER_IDENTITY = {}

    assert client.get("/sandbox/ping").status_code == 200


# Accept, methods, paths, caching


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
        "The sandbox, made for signing in and out, has no such path.",
    )


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("name", PATHS)
def test_no_answer_is_stored(client, method, name):
    response = client.generic(method, f"/sandbox/{name}")

    assert response["Cache-Control"] == (
        "max-age=0, no-cache, no-store, must-revalidate, private"
    )


def test_project_that_requires_login_everywhere_has_it_all_the_same(client, settings):
    settings.MIDDLEWARE = [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ]

    assert client.post("/sandbox/nonces").status_code == 201


# CORS


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
def test_every_answer_may_be_read_by_the_page_that_asked(client, method, name, status):
    response = client.generic(
        method, f"/sandbox/{name}", headers={"origin": "http://localhost:3000"}
    )

    assert response.status_code == status
    assert cors_headers(response) == CORS
    assert response["Vary"] == "Origin"


@pytest.mark.parametrize("origin", [None, "", "a\r\nb: c", "é", "a b", "\x00"])
def test_origin_that_is_none_is_not_echoed(client, origin):
    headers = {} if origin is None else {"origin": origin}

    response = client.get("/sandbox/ping", headers=headers)

    assert response.status_code == 200
    assert cors_headers(response) == {}
    assert response["Vary"] == "Origin"


# Ping and root


def test_ping_answers(client):
    assert client.head("/sandbox/ping?client=3.4.18").status_code == 200
    assert client.get("/sandbox/ping").json() == {}


def test_root_names_the_endpoints(client):
    response = client.get("/sandbox/")

    assert (response.status_code, response.json()) == (200, {})
    assert response["Link"] == (
        "<http://testserver/sandbox/nonces>; rel=nonces, "
        "<http://testserver/sandbox/sessions>; rel=sessions, "
        "<http://testserver/sandbox/conversations>; rel=conversations, "
        "<http://testserver/sandbox/content>; rel=content"
    )


VALIDATION = "/sandbox/?action=validateConnectionForWebsocket&client=3.4.18"


def test_validation_accepts_a_session(client):
    assert client.get(VALIDATION, headers=open_session()).status_code == 200


def test_validation_refuses_a_stranger(client):
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
def test_authorization_is_read_in_every_form_seen(client, header):
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
def test_unknown_session_is_refused_with_a_fresh_nonce(client, header):
    response = client.get(VALIDATION, headers={"authorization": header})

    answer = response.json()
    assert response.status_code == 401
    assert state.spend_nonce(answer["data"]["nonce"])
    assert answer == error(
        "authentication_required",
        4,
        "Sign in again: the header Authorization: Layer "
        'session-token="..." names no session, or one that has ended.',
        nonce=answer["data"]["nonce"],
    )


@pytest.mark.urls(__name__)
def test_namespaces_of_the_including_project_are_respected(client):
    link = client.get("/dev/layer/")["Link"]

    assert link.startswith("<http://testserver/dev/layer/nonces>")


# Nonces


def test_nonce_is_64_bytes_in_standard_base64(client):
    response = client.post("/sandbox/nonces")

    assert response.status_code == 201
    assert response["Content-Type"] == "application/json"
    assert list(response.json()) == ["nonce"]
    assert re.fullmatch("[A-Za-z0-9+/]{86}==", response.json()["nonce"])


def test_every_nonce_has_what_careless_clients_mangle():
    nonces = [state.create_nonce() for _ in range(50)]

    assert [nonce for nonce in nonces if "+" not in nonce or "/" not in nonce] == []
    assert len(set(nonces)) == 50


@pytest.fixture(params=["locmem.LocMemCache", "filebased.FileBasedCache"])
def backend(request, settings, tmp_path):
    settings.CACHES = {
        "default": {
            "BACKEND": f"django.core.cache.backends.{request.param}",
            "LOCATION": str(tmp_path),
        }
    }


def test_nonce_is_spent_once(backend):
    nonce = state.create_nonce()

    assert [state.spend_nonce(nonce) for _ in range(3)] == [True, False, False]


@pytest.mark.parametrize("nonce", ["", "x", "\ud800", "\x00\n", "x" * 10_000])
def test_made_up_nonce_cannot_be_spent(backend, nonce):
    assert not state.spend_nonce(nonce)


@pytest.mark.parametrize(("seconds", "alive"), [(595, True), (605, False)])
def test_nonce_lives_ten_minutes(backend, monkeypatch, seconds, alive):
    nonce = state.create_nonce()
    later(monkeypatch, seconds)

    assert state.spend_nonce(nonce) is alive


def test_nonce_is_spent_by_one_of_many_at_once():
    nonce = state.create_nonce()

    with ThreadPoolExecutor(8) as pool:
        spent = list(pool.map(state.spend_nonce, [nonce] * 64))

    assert spent.count(True) == 1


def later(monkeypatch, seconds):
    """Turn the clock of the cache, and not that of the tokens."""
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + seconds)


# Opening a session


def test_token_opens_a_session(client, key, private_key):
    response = post_session(client, make_token(private_key))

    assert response.status_code == 201
    assert list(response.json()) == ["session_token"]
    assert re.fullmatch(r"[\w-]{43}", response.json()["session_token"], re.ASCII)
    assert response["Link"] == (
        "<http://testserver/sandbox/conversations>; rel=conversations, "
        "<http://testserver/sandbox/content>; rel=content, "
        "<ws://testserver/sandbox/websocket>; rel=websocket"
    )


def test_session_belongs_to_app_and_user(client, key, private_key):
    token = post_session(client, make_token(private_key)).json()["session_token"]

    assert state.find_session(token) == state.Session(str(APP_ID), "alice")


def test_websocket_is_secure_where_the_sandbox_is(client, key, private_key):
    response = post_session(client, make_token(private_key), secure=True)

    assert "<wss://testserver/sandbox/websocket>; rel=websocket" in response["Link"]


def test_session_takes_one_query(client, key, private_key, django_assert_num_queries):
    token = make_token(private_key)

    with django_assert_num_queries(1):
        assert post_session(client, token).status_code == 201


@pytest.mark.parametrize(
    "app_id",
    [
        str(APP_ID),
        str(APP_ID).upper(),
        f"layer:///apps/production/{APP_ID}",
        f"layer:///apps/production/{str(APP_ID).upper()}",
    ],
)
def test_app_id_is_read_in_every_form(client, key, private_key, app_id):
    assert post_session(client, make_token(private_key), app_id).status_code == 201


def test_authorization_of_an_old_session_is_ignored(client, key, private_key):
    headers = {"accept": ACCEPT, **authorization("ended")}

    assert (
        post_session(client, make_token(private_key), headers=headers).status_code
        == 201
    )


def test_key_that_was_never_activated_or_is_retired_is_known(client, app, private_key):
    create_key(app, private_key, retired_at=LONG_AGO)

    assert post_session(client, make_token(private_key)).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonce=x",
        b"[]",
        b'"text"',
        b"null",
        b"[" * 20_000,
        b'{"identity_token": "\xff"}',
        "{}".encode("utf-16"),
        b"9" * 5000,
        b'{"identity_token":"' + b"x" * 32_768 + b'"}',
    ],
    ids=count(),
)
def test_body_that_is_no_json_object_is_refused(client, body):
    response = client.post("/sandbox/sessions", body, "application/json")

    assert response.status_code == 400
    assert (response.json()["id"], response.json()["code"]) == ("invalid_request", 10)


def test_body_over_32_kib_is_called_that(client):
    response = client.post("/sandbox/sessions", b" " * 32_769, "application/json")

    assert response.json() == error(
        "invalid_request", 10, "The body is longer than 32768 bytes."
    )


@pytest.mark.parametrize("name", ["identity_token", "app_id"])
@pytest.mark.parametrize(
    "change", [dict.pop, lambda body, name: body.update({name: None})]
)
def test_missing_property_is_refused(client, name, change):
    body = {"identity_token": "a.b.c", "app_id": str(APP_ID)}
    change(body, name)

    response = client.post("/sandbox/sessions", body, "application/json")

    assert response.status_code == 422
    assert response.json() == error(
        "missing_property", 104, f"The body lacks the property “{name}”.", property=name
    )


@pytest.mark.parametrize(
    "app_id",
    [
        "",
        "chat",
        7,
        True,
        [],
        {},
        "\ud800",
        f"layer:///providers/{PROVIDER_ID}",
        f"layer:///apps/development/{APP_ID}",
        f"layer:///apps/staging/{APP_ID}",
        str(OTHER_APP_ID),
    ],
    ids=repr,
)
def test_app_id_of_no_app_is_refused(client, key, private_key, app_id):
    response = post_session(client, make_token(private_key), app_id)

    answer = response.json()
    assert response.status_code == 403
    assert answer == error("invalid_app_id", 2, answer["message"])


def test_disabled_app_is_refused(client, private_key, db):
    create_key(create_app(enabled=False), private_key)

    response = post_session(client, make_token(private_key), str(OTHER_APP_ID))

    assert response.status_code == 403
    assert response.json() == error(
        "invalid_app_id",
        2,
        "No enabled Layer app here has this app_id. Compare the UUID and the "
        "environment with the Layer apps in the admin.",
    )


# Refusing a token


@pytest.mark.parametrize("token", ["", "a.b", 7, ["a.b.c"], "\ud800"], ids=repr)
def test_what_is_no_token_is_refused(client, key, token):
    assert_token_refused(post_session(client, token), "eit_wrong_jws_part_count")


def test_sentence_of_the_validator_is_passed_on(client, key):
    response = post_session(client, "a.b")

    assert response.json()["message"] == (
        "eit_wrong_jws_part_count: An identity token has three parts with dots "
        "between; this has 2. Pass the value of identity_token alone and uncut."
    )


def test_expired_token_is_refused(client, key, private_key):
    token = make_token(
        private_key, issued_at=LONG_AGO, expires_at=LONG_AGO + timedelta(minutes=5)
    )

    assert_token_refused(post_session(client, token), "eit_expired")


def test_token_signed_by_another_key_is_refused(client, key, other_private_key):
    response = post_session(client, make_token(other_private_key))

    assert_token_refused(response, "eit_signature_verification_failed")


def test_unknown_key_is_refused(client, app, private_key):
    create_key(app, private_key, key_id=None)

    assert_token_refused(
        post_session(client, make_token(private_key)), "eit_key_not_found"
    )


def test_revoked_key_is_refused(client, app, private_key):
    create_key(app, private_key, revoked_at=LONG_AGO)

    assert_token_refused(
        post_session(client, make_token(private_key)), "eit_key_disabled"
    )


def test_unknown_provider_is_refused(client, key, private_key):
    token = make_token(private_key, provider_id=ProviderID(OTHER_PROVIDER_ID))

    assert_token_refused(post_session(client, token), "eit_provider_not_found")


def test_provider_of_another_app_is_refused(client, key, private_key):
    create_app(provider_id=OTHER_PROVIDER_ID)

    response = post_session(client, make_token(private_key), str(OTHER_APP_ID))

    assert_token_refused(response, "eit_provider_not_bound_to_app")


def test_key_of_another_provider_is_refused(client, app, private_key):
    create_key(create_app(provider_id=OTHER_PROVIDER_ID), private_key)

    assert_token_refused(
        post_session(client, make_token(private_key)), "eit_key_not_found"
    )


# One key ID, two apps


def test_key_of_the_same_providers_other_app_is_accepted(client, app, private_key):
    create_key(create_app(), private_key)

    assert post_session(client, make_token(private_key)).status_code == 201


@pytest.mark.parametrize("first", ["own", "other"])
def test_apps_own_key_comes_before_that_of_another_app(
    client, app, private_key, other_private_key, first
):
    rows = [(app, private_key), (create_app(), other_private_key)]
    for owner, pair in rows if first == "own" else reversed(rows):
        create_key(owner, pair)

    assert post_session(client, make_token(private_key)).status_code == 201


@pytest.mark.parametrize(
    ("own", "other", "status"), [(None, LONG_AGO, 201), (LONG_AGO, None, 422)]
)
def test_revocation_in_the_app_itself_is_what_counts(
    client, app, private_key, own, other, status
):
    create_key(app, private_key, revoked_at=own)
    create_key(create_app(), private_key, revoked_at=other)

    assert post_session(client, make_token(private_key)).status_code == status


def test_same_providers_key_comes_before_that_of_another_provider(
    client, app, private_key, other_private_key
):
    third = UUID("cccccccc-0000-4000-8000-000000000003")
    create_key(create_app(provider_id=OTHER_PROVIDER_ID), other_private_key)
    create_key(create_app(third), private_key)

    assert post_session(client, make_token(private_key)).status_code == 201


def test_key_revoked_in_one_of_two_other_apps_is_refused(client, app, private_key):
    third = UUID("cccccccc-0000-4000-8000-000000000003")
    create_key(create_app(), private_key)
    create_key(create_app(third), private_key, revoked_at=LONG_AGO)

    assert_token_refused(
        post_session(client, make_token(private_key)), "eit_key_disabled"
    )


# Spending the nonce


def test_token_is_good_for_one_session(client, key, private_key):
    token = make_token(private_key)
    post_session(client, token)

    response = post_session(client, token)

    assert response.status_code == 422
    assert response.json() == error(
        "invalid_property",
        105,
        "Nonce not found or expired.",
        property="identity_token",
        code="eit_nonce_not_found",
    )


def test_unknown_nonce_is_refused(client, key, private_key):
    response = post_session(client, make_token(private_key, nonce="made up"))

    assert response.json()["message"] == "Nonce not found or expired."


def test_expired_nonce_is_refused(client, key, private_key, monkeypatch):
    token = make_token(private_key)
    later(monkeypatch, 605)

    response = post_session(client, token)

    assert response.json()["message"] == "Nonce not found or expired."


def test_nonce_outlives_a_refusal(client, key, private_key, other_private_key):
    nonce = state.create_nonce()
    post_session(client, make_token(other_private_key, nonce=nonce))
    post_session(client, make_token(private_key, nonce=nonce), str(OTHER_APP_ID))

    response = post_session(client, make_token(private_key, nonce=nonce))

    assert response.status_code == 201


def test_nonce_of_a_401_opens_a_session(client, key, private_key):
    nonce = client.get(VALIDATION).json()["data"]["nonce"]

    response = post_session(client, make_token(private_key, nonce=nonce))

    assert response.status_code == 201


# Ending a session


def test_deleted_session_is_over(client):
    token = state.create_session(state.Session(str(APP_ID), "alice"))

    response = client.delete(f"/sandbox/sessions/{token}")

    assert (response.status_code, response.content) == (204, b"")
    assert client.get(VALIDATION, headers=authorization(token)).status_code == 401


def test_deleting_a_session_leaves_others_alone(client):
    token = state.create_session(state.Session(str(APP_ID), "alice"))
    other = open_session()

    client.delete(f"/sandbox/sessions/{token}")

    assert client.get(VALIDATION, headers=other).status_code == 200


@pytest.mark.parametrize("token", ["unknown", "%00", "%FF", "%E2%82%AC", "x" * 5000])
def test_deleting_what_is_no_session_is_no_fault(client, token):
    assert client.delete(f"/sandbox/sessions/{token}").status_code == 204


@pytest.mark.parametrize(("days", "status"), [(29, 200), (31, 401)])
def test_session_lives_thirty_days(client, monkeypatch, days, status):
    headers = open_session()
    later(monkeypatch, days * 24 * 3600)

    assert client.get(VALIDATION, headers=headers).status_code == status


# Identities


PROFILE = {
    "display_name": "Zoë 東京 😀",
    "first_name": "Zoë",
    "last_name": "Tokyo",
    "avatar_url": "https://example.com/zoe.png",
    "public_key": "opaque",
}


def sign_in(client, private_key, **changes):
    response = post_session(client, make_token(private_key, **changes))
    return authorization(response.json()["session_token"])


def test_identity_is_whole(client, key, private_key):
    headers = sign_in(client, private_key, user_id="zoë", profile=PROFILE)

    response = client.get("/sandbox/identities/zo%C3%AB", headers=headers)

    assert response.status_code == 200
    assert response.json() == {
        "id": "layer:///identities/zo%C3%AB",
        "url": "http://testserver/sandbox/identities/zo%C3%AB",
        "user_id": "zoë",
        "type": "user",
        "identity_type": "user",
        "display_name": "Zoë 東京 😀",
        "first_name": "Zoë",
        "last_name": "Tokyo",
        "avatar_url": "https://example.com/zoe.png",
        "public_key": "opaque",
        "phone_number": None,
        "email_address": None,
        "metadata": {},
    }


def test_identity_without_profile_has_the_same_fields(client, key, private_key):
    headers = sign_in(client, private_key)

    response = client.get("/sandbox/identities/alice", headers=headers)

    assert response.json() == {
        "id": "layer:///identities/alice",
        "url": "http://testserver/sandbox/identities/alice",
        "user_id": "alice",
        "type": "user",
        "identity_type": "user",
        "display_name": None,
        "first_name": None,
        "last_name": None,
        "avatar_url": None,
        "public_key": None,
        "phone_number": None,
        "email_address": None,
        "metadata": {},
    }


def test_next_token_updates_the_identity(client, key, private_key):
    sign_in(
        client, private_key, profile={"display_name": "Alice", "first_name": "Alice"}
    )
    headers = sign_in(client, private_key, profile={"display_name": "Alice B."})

    identity = client.get("/sandbox/identities/alice", headers=headers).json()

    assert (identity["display_name"], identity["first_name"]) == ("Alice B.", None)


@pytest.mark.parametrize(
    ("user_id", "encoded"),
    [
        ("alice", "alice"),
        ("auth0|123", "auth0%7C123"),
        ("a/b//c/", "a%2Fb%2F%2Fc%2F"),
        ("a@example.com", "a%40example.com"),
        ("+31 20 1", "%2B31%2020%201"),
        ("~*!'()", "%7E*%21%27%28%29"),
        ("-_.", "-_."),
        ("東京", "%E6%9D%B1%E4%BA%AC"),
        ("100%25", "100%2525"),
        ("?a=b#c&d", "%3Fa%3Db%23c%26d"),
    ],
)
def test_identity_of_any_user_id_is_found(client, user_id, encoded):
    headers = open_session(user_id)

    identity = client.get(f"/sandbox/identities/{encoded}", headers=headers).json()

    assert (identity["user_id"], identity["id"], identity["url"]) == (
        user_id,
        f"layer:///identities/{encoded}",
        f"http://testserver/sandbox/identities/{encoded}",
    )


@pytest.mark.parametrize("user_id", ["a\nb", "a\n", "\n", "\x00", "\u2028"])
def test_identity_of_a_user_id_with_control_characters_is_found(client, user_id):
    headers = open_session(user_id)

    response = client.get(
        f"/sandbox/identities/{quote(user_id, safe='')}", headers=headers
    )

    assert response.json()["user_id"] == user_id


def test_other_users_of_the_app_are_found(client):
    open_session("bob")

    response = client.get("/sandbox/identities/bob", headers=open_session("alice"))

    assert response.json()["user_id"] == "bob"


@pytest.mark.parametrize("user_id", ["nobody", "ALICE", "alice/", "%FF", "x" * 5000])
def test_unknown_identity_is_refused(client, user_id):
    response = client.get(f"/sandbox/identities/{user_id}", headers=open_session())

    assert response.status_code == 404
    assert response.json() == error(
        "not_found",
        102,
        "This app has no user with this user ID: he has not signed in yet.",
    )


def test_users_of_another_app_are_not_found(client):
    state.keep_identity(state.Session(str(OTHER_APP_ID), "bob"), {})

    response = client.get("/sandbox/identities/bob", headers=open_session())

    assert response.status_code == 404


def test_identity_needs_a_session(client):
    open_session()

    assert client.get("/sandbox/identities/alice").status_code == 401


def test_strangers_are_not_told_who_exists(client):
    assert client.get("/sandbox/identities/nobody").status_code == 401
