from __future__ import annotations

import pytest

from tests.endpoint import refusal
from tests.server.clients import create_app, create_users

UNAVAILABLE = refusal(
    503, "unavailable", "The service is unavailable. Try again later."
)
GUARD_UNAVAILABLE = refusal(
    503,
    "nonce_guard_unavailable",
    "The nonce could not be checked at the moment. Try again later.",
)


@pytest.fixture
def alice_token(database):
    """Alice's REST framework token; the app has an active key."""
    create_app()
    [token] = create_users(database.alias, "alice")
    return token


@pytest.fixture
def bob_token(database, alice_token):
    [token] = create_users(database.alias, "bob")
    return token
