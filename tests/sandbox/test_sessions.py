"""Sessions: opened with a token, and ended."""

from __future__ import annotations

import re
from itertools import count

import pytest

from django_layer_identity.sandbox import state
from tests.conftest import APP_ID, PROVIDER_ID
from tests.sandbox.layer import (
    ACCEPT,
    LONG_AGO,
    OTHER_APP_ID,
    VALIDATION,
    authorization,
    create_app,
    create_key,
    error,
    later,
    make_token,
    open_session,
    post_session,
)


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


def test_websocket_is_secure_if_the_sandbox_is(client, key, private_key):
    response = post_session(client, make_token(private_key), secure=True)

    assert "<wss://testserver/sandbox/websocket>; rel=websocket" in response["Link"]


def test_session_takes_one_query_for_apps_and_one_for_keys(
    client, key, private_key, django_assert_num_queries
):
    token = make_token(private_key)

    with django_assert_num_queries(2):
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
def test_every_form_of_the_app_id_is_accepted(client, key, private_key, app_id):
    assert post_session(client, make_token(private_key), app_id).status_code == 201


def test_authorization_of_an_old_session_is_ignored(client, key, private_key):
    headers = {"accept": ACCEPT, **authorization("ended")}

    assert (
        post_session(client, make_token(private_key), headers=headers).status_code
        == 201
    )


def test_key_that_is_not_active_is_accepted(client, app, private_key):
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
def test_body_that_is_not_a_json_object_is_refused(client, body):
    response = client.post("/sandbox/sessions", body, "application/json")

    assert response.status_code == 400
    assert (response.json()["id"], response.json()["code"]) == ("invalid_request", 10)


def test_body_over_32_kib_is_refused(client):
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
def test_unknown_app_id_is_refused(client, key, private_key, app_id):
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


def test_deleted_session_has_ended(client):
    token = state.create_session(state.Session(str(APP_ID), "alice"))

    response = client.delete(f"/sandbox/sessions/{token}")

    assert (response.status_code, response.content) == (204, b"")
    assert client.get(VALIDATION, headers=authorization(token)).status_code == 401


def test_deleting_a_session_does_not_end_others(client):
    token = state.create_session(state.Session(str(APP_ID), "alice"))
    other = open_session()

    client.delete(f"/sandbox/sessions/{token}")

    assert client.get(VALIDATION, headers=other).status_code == 200


@pytest.mark.parametrize("token", ["unknown", "%00", "%FF", "%E2%82%AC", "x" * 5000])
def test_deleting_an_unknown_session_succeeds(client, token):
    assert client.delete(f"/sandbox/sessions/{token}").status_code == 204


@pytest.mark.parametrize(("days", "status"), [(29, 200), (31, 401)])
def test_session_lives_thirty_days(client, monkeypatch, days, status):
    headers = open_session()
    later(monkeypatch, days * 24 * 3600)

    assert client.get(VALIDATION, headers=headers).status_code == status
