from __future__ import annotations

import pytest

from django_layer_identity.audit import recording
from tests.internals import stop_recording


@pytest.fixture(autouse=True)
def _recording():
    recording.connect()
    yield
    stop_recording()
