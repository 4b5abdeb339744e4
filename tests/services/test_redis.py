"""The sandbox with its state in Redis, shared by several server processes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from django_layer_identity.sandbox import state
from tests.services.conftest import hang_up

pytestmark = pytest.mark.service


def test_a_nonce_lives_for_ten_minutes(redis):
    nonce = state.create_nonce()

    client = redis._cache.get_client()
    [key] = client.keys(redis.make_key("layer_identity_sandbox:nonce:*"))
    assert 590 <= client.ttl(key) <= 600
    assert nonce.encode() not in key


def test_a_nonce_is_spent_once_by_concurrent_requests(redis):
    nonce = state.create_nonce()

    def spend(_):
        try:
            return state.use_nonce(nonce)
        finally:
            hang_up()

    with ThreadPoolExecutor(8) as pool:
        spent = list(pool.map(spend, range(32)))

    assert sorted(spent) == [False] * 31 + [True]


def test_an_unknown_nonce_is_not_spent(redis):
    assert state.use_nonce("made up") is False


def test_a_session_and_its_identity_are_stored_until_the_session_ends(redis):
    session = state.Session("app", "alice")
    state.store_identity(session, {"display_name": "Zoë 東京 😀"})
    token = state.create_session(session)

    assert state.find_session(token) == session
    assert state.find_identity("app", "alice") == {"display_name": "Zoë 東京 😀"}

    state.end_session(token)

    assert state.find_session(token) is None
