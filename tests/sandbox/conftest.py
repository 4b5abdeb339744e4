from __future__ import annotations

import pytest
from django.test import Client

from tests.sandbox.layer import (
    ACCEPT,
)


@pytest.fixture
def client():
    return Client(headers={"accept": ACCEPT}, enforce_csrf_checks=True)
