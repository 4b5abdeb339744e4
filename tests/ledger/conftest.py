from __future__ import annotations

import pytest

from tests.endpoint import configure


@pytest.fixture
def email_ids(settings, key):
    """Use e-mail addresses as user IDs; in Django they need not be unique, and may be blank."""
    configure(settings, USER_ID="email")
