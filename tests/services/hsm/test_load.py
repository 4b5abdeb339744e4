"""A token that is slow: how many signatures it makes, and how many are of use."""

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


def test_a_slow_token_signs_for_those_who_still_wait(hsm, folder):
    module = SlowModule(folder, delay=500)
    hsm(MODULE=module.path, TIMEOUT=2.8)

    with ThreadPoolExecutor(CLIENTS) as pool:
        asked = [pool.submit(sign) for _ in range(CLIENTS)]
    delivered = sum(answer.result() is not None for answer in asked)
    time.sleep(5 * 0.5)  # for those that are made all the same

    assert module.signatures - delivered <= 1
    assert delivered > 1
