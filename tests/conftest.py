from __future__ import annotations

from functools import lru_cache
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connections
from hypothesis import HealthCheck, settings

from django_layer_identity.keys.rsa import PrivateKey
from django_layer_identity.models import LayerApp, SigningKey
from tests import internals
from tests.internals import (  # noqa: F401  # fixtures for all tests
    around_ledger_write,
    before_key_lock,
    before_key_write,
    parsed,
    rate_clock,
    reset_process_state,
)
from tests.key_pairs import load_private_key
from tests.services.figures import pytest_terminal_summary  # noqa: F401

collect_ignore = [
    "sample_project"
]  # a project of its own: tests/test_sample_project.py

APP_ID = UUID("aaaaaaaa-0000-4000-8000-000000000001")
PROVIDER_ID = UUID("bbbbbbbb-0000-4000-8000-000000000002")
KEY_ID = UUID("cccccccc-0000-4000-8000-000000000003")
OTHER_KEY_ID = UUID("dddddddd-0000-4000-8000-000000000004")

# A slow machine must not make a test fail.
settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _fresh_process_state():
    """Start each test like a new process, with nothing cached."""
    reset_process_state()
    cache.clear()


@pytest.fixture(scope="session", autouse=True)
def _load_each_key_once():
    """
    Validate the same key bytes only once in a run, because it takes 40 ms.

    The package's own code still decides what it loads, when and how often.
    """
    with pytest.MonkeyPatch.context() as patch:
        load = lru_cache(load_der_private_key)
        patch.setattr(internals.LOAD_DER, load)
        patch.setattr(internals.LOAD_STORED_DER, load)
        yield


@pytest.fixture
def lost_database(monkeypatch):
    """Make the database look failed and unreachable to the package, and only to it."""
    monkeypatch.setattr(connections["default"], "errors_occurred", True)
    monkeypatch.setattr(connections["default"], "is_usable", lambda: False)


@pytest.fixture(scope="session")
def private_key() -> PrivateKey:
    return load_private_key("first")


@pytest.fixture(scope="session")
def other_private_key() -> PrivateKey:
    return load_private_key("second")


@pytest.fixture
def app(db) -> LayerApp:
    return LayerApp.objects.create(
        name="Messenger",
        app_id=APP_ID,
        environment="production",
        provider_id=PROVIDER_ID,
    )


@pytest.fixture
def key(app, private_key) -> SigningKey:
    """The app's active key."""
    key = SigningKey.from_private_key(app, private_key, key_id=KEY_ID)
    key.save()
    key.activate()
    return key


@pytest.fixture
def draft(app, other_private_key) -> SigningKey:
    """A key without a key ID from Layer."""
    draft = SigningKey.from_private_key(app, other_private_key)
    draft.save()
    return draft


@pytest.fixture
def alice(db) -> User:
    return User.objects.create_user(
        "alice", first_name="Alice", last_name="Liddell", password="wonderland"
    )
