"""
Fixtures for the tests of projects that install this app, on top of pytest-django.

pytest imports this module before Django's settings are known, so it imports neither
Django nor the models here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from django_layer_identity.models import LayerApp, SigningKey
    from django_layer_identity.protocol.validation import VerifiedIdentity
    from django_layer_identity.testing import Sandbox


@pytest.fixture
def layer_app(db: None, settings: Any) -> LayerApp:
    """A Layer app. Rate limits are off, and there is an encryption secret."""
    from django_layer_identity import testing

    settings.LAYER_IDENTITY = testing.layer_settings()
    return testing.create_layer_app()


@pytest.fixture
def layer_key(layer_app: LayerApp) -> SigningKey:
    """The active signing key of ``layer_app``: the public test key."""
    from django_layer_identity import testing

    return testing.create_layer_key(layer_app)


@pytest.fixture
def layer_nonce(request: pytest.FixtureRequest) -> str:
    """A new nonce; one of the sandbox's if the test uses ``layer_sandbox`` too."""
    from django_layer_identity import testing

    if "layer_sandbox" in request.fixturenames:
        sandbox: Sandbox = request.getfixturevalue("layer_sandbox")
        return sandbox.create_nonce()
    return testing.new_nonce()


@pytest.fixture
def layer_sandbox(layer_key: SigningKey, live_server: Any, settings: Any) -> Sandbox:
    """The sandbox on pytest-django's ``live_server``, which also has the project's URLs."""
    from django_layer_identity import testing

    for name, value in testing.sandbox_settings().items():
        setattr(settings, name, value)
    return testing.Sandbox(live_server.url)


@pytest.fixture
def assert_identity_token() -> Callable[..., VerifiedIdentity]:
    """The function of this name in ``django_layer_identity.testing``."""
    from django_layer_identity import testing

    return testing.assert_identity_token
