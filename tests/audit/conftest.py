from __future__ import annotations

import pytest

from django_layer_identity.audit import recording


@pytest.fixture(autouse=True)
def _recording():
    recording.connect()
    yield
    recording.disconnect()
