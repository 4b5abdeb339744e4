"""Nonces: created, stored and used up."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from django_layer_identity.sandbox import state
from tests.sandbox.layer import (
    OTHER_APP_ID,
    VALIDATION,
    error,
    later,
    make_token,
    post_session,
)


def test_nonce_is_64_bytes_in_standard_base64(client):
    response = client.post("/sandbox/nonces")

    assert response.status_code == 201
    assert response["Content-Type"] == "application/json"
    assert list(response.json()) == ["nonce"]
    assert re.fullmatch("[A-Za-z0-9+/]{86}==", response.json()["nonce"])


def test_every_nonce_has_the_characters_that_clients_mangle():
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

    assert [state.use_nonce(nonce) for _ in range(3)] == [True, False, False]


@pytest.mark.parametrize("nonce", ["", "x", "\ud800", "\x00\n", "x" * 10_000])
def test_unknown_nonce_is_not_accepted(backend, nonce):
    assert not state.use_nonce(nonce)


@pytest.mark.parametrize(("seconds", "alive"), [(599, True), (601, False)])
def test_nonce_lives_ten_minutes(backend, monkeypatch, seconds, alive):
    later(monkeypatch, 0)  # stop the clock
    nonce = state.create_nonce()
    later(monkeypatch, seconds)

    assert state.use_nonce(nonce) is alive


def test_only_one_of_many_concurrent_requests_uses_a_nonce():
    nonce = state.create_nonce()

    with ThreadPoolExecutor(8) as pool:
        spent = list(pool.map(state.use_nonce, [nonce] * 64))

    assert spent.count(True) == 1


def test_token_opens_one_session_only(client, key, private_key):
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


def test_nonce_can_be_used_after_a_refusal(client, key, private_key, other_private_key):
    nonce = state.create_nonce()
    post_session(client, make_token(other_private_key, nonce=nonce))
    post_session(client, make_token(private_key, nonce=nonce), str(OTHER_APP_ID))

    response = post_session(client, make_token(private_key, nonce=nonce))

    assert response.status_code == 201


def test_nonce_of_a_401_opens_a_session(client, key, private_key):
    nonce = client.get(VALIDATION).json()["data"]["nonce"]

    response = post_session(client, make_token(private_key, nonce=nonce))

    assert response.status_code == 201


def test_a_nonce_that_is_not_found_is_explained_with_debug(
    client, key, private_key, settings
):
    settings.DEBUG = True

    response = post_session(client, make_token(private_key, nonce="lost plus"))

    findings = response.json()["data"]["findings"]
    assert [(finding["code"], finding["severity"]) for finding in findings] == [
        ("layer_identity_nonce_has_space", "warning"),
        ("eit_nonce_not_found", "error"),
    ]
    assert findings[0]["hint"].startswith("A plus sign was lost")
    assert findings[1]["hint"].startswith("Get a new nonce from the sandbox")


def test_a_nonce_that_is_not_found_is_logged(client, key, private_key, caplog):
    caplog.set_level("INFO", logger="django_layer_identity")

    post_session(client, make_token(private_key, nonce="made up"))

    lines = [line for line in caplog.messages if "The sandbox refused" in line]
    assert "layer_identity_nonce_has_space" in lines[0]
    assert lines[1].startswith(
        "The sandbox refused an identity token: eit_nonce_not_found: Nonce not found or "
        "expired. Get a new nonce"
    )
