from __future__ import annotations

import os

import pytest
from django.core import checks

from tests.endpoint import NONCE, ask, read

#: ``tests/test_guides.py`` runs these tests.
if os.environ["DJANGO_SETTINGS_MODULE"] != "messenger.settings":
    collect_ignore_glob = ["test_*"]


@pytest.fixture(autouse=True)
def _fast_passwords(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def warnings():
    """The IDs of this package's warnings that ``check --deploy`` shows."""
    found = checks.run_checks(include_deployment_checks=True)
    ours = [one for one in found if one.id.startswith("layer_identity")]
    return [warning.id for warning in ours if not warning.is_silenced()]


@pytest.fixture
def user_id(key):
    """Return a function that returns a user's Layer user ID in the answer, or the code."""

    def user_id(user):
        _status, body = read(ask(user, nonce=NONCE))
        return body.get("user_id") or body["code"]

    return user_id
