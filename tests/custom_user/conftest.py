from __future__ import annotations

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model

from tests.endpoint import configure

# The test files to ignore for each user model; all of them for Django's own model.
collect_ignore_glob = {
    "custom_user.Person": [],
    "custom_user.Employee": ["test_inherited.py"],
    "custom_user.Visitor": ["test_inherited.py"],
    "custom_user.Subscriber": ["test_inherited.py", "test_changes.py"],
}.get(settings.AUTH_USER_MODEL, ["test_*.py"])


@pytest.fixture(autouse=True)
def _skip_unless_for_this_user_model(request):
    """Skip the tests; pytest collects a file named on the command line in any case."""
    if any(request.path.match(pattern) for pattern in collect_ignore_glob):
        pytest.skip(
            "Run it with --ds=tests.custom_user.settings and "
            "TEST_USER_MODEL=custom_user.Person."
        )


@pytest.fixture(autouse=True)
def _email_ids(settings):
    """Use e-mail addresses as user IDs; each of the models has an address."""
    configure(settings, USER_ID="email")


@pytest.fixture
def create_user(db):
    """Return a function that creates a user of the project's user model."""

    def create_user(email, **more):
        return get_user_model().objects.create(email=email, **more)

    return create_user
