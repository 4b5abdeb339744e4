from __future__ import annotations

import pytest

from tests.endpoint import configure


@pytest.fixture
def email_ids(settings, key):
    """A project that maps e-mail addresses, which Django keeps neither unique nor set."""
    configure(settings, USER_ID="email")
