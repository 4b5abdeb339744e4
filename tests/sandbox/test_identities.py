"""Identities in the form that the web SDK reads."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from django_layer_identity.sandbox import state
from tests.sandbox.layer import (
    OTHER_APP_ID,
    authorization,
    error,
    make_token,
    open_session,
    post_session,
)

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


def test_identity_has_all_fields(client, key, private_key):
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


@pytest.mark.parametrize("user_id", ["unknown", "ALICE", "alice/", "%FF", "x" * 5000])
def test_unknown_identity_is_refused(client, user_id):
    response = client.get(f"/sandbox/identities/{user_id}", headers=open_session())

    assert response.status_code == 404
    assert response.json() == error(
        "not_found",
        102,
        "This app has no user with this user ID. A user must sign in once first.",
    )


def test_users_of_another_app_are_not_found(client):
    state.store_identity(state.Session(str(OTHER_APP_ID), "bob"), {})

    response = client.get("/sandbox/identities/bob", headers=open_session())

    assert response.status_code == 404


def test_identity_needs_a_session(client):
    open_session()

    assert client.get("/sandbox/identities/alice").status_code == 401


def test_an_unknown_identity_is_not_disclosed_without_a_session(client):
    assert client.get("/sandbox/identities/unknown").status_code == 401
