from __future__ import annotations

from django_layer_identity.pytest_plugin import (  # noqa: F401  # fixtures
    assert_identity_token,
    layer_app,
    layer_key,
    layer_nonce,
    layer_sandbox,
)
