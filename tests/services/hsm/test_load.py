"""A slow token: the number of its signatures, and of those that are used."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from django_layer_identity.exceptions import SigningBackendError
from django_layer_identity.keys.backends import get_backend
from tests.services.hsm.softhsm import SlowModule

pytestmark = pytest.mark.service
CLIENTS = 16


def sign():
    try:
        return get_backend("hsm").sign(b"message")
    except SigningBackendError:
        return None


def test_a_slow_token_signs_only_for_requests_that_still_wait(hsm, folder):
    module = SlowModule(folder, delay=500)
    hsm(MODULE=module.path, TIMEOUT=2.8)

    with ThreadPoolExecutor(CLIENTS) as pool:
        futures = [pool.submit(sign) for _ in range(CLIENTS)]
    delivered = sum(future.result() is not None for future in futures)
    time.sleep(
        5 * 0.5
    )  # wait for signatures that are made although their calls timed out

    assert module.signatures - delivered <= 1
    assert delivered > 1
