from __future__ import annotations

import os

import pytest
from django.core import checks

#: ``tests/test_guides.py`` runs these tests.
if os.environ["DJANGO_SETTINGS_MODULE"] != "messenger.settings":
    collect_ignore_glob = ["test_*"]


@pytest.fixture
def warnings():
    """The IDs of this package's warnings in ``check --deploy``."""
    found = checks.run_checks(include_deployment_checks=True)
    return [message.id for message in found if message.id.startswith("layer_identity")]
