from __future__ import annotations

import pytest

from tests.endpoint import configure


@pytest.fixture
def email_ids(settings, key):
    """Use e-mail addresses as user IDs; Django allows duplicate and blank addresses."""
    configure(settings, USER_ID="email")
