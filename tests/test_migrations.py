"""What migrations make of rows that are there already."""

from __future__ import annotations

from datetime import datetime, timezone
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from tests.conftest import APP_ID, KEY_ID, PROVIDER_ID

pytestmark = pytest.mark.slow  # it migrates, and the fast suite does not

THEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


def models_after(name):
    """Migrate to there and return the registry of models as they were then."""
    executor = MigrationExecutor(connection)
    state = executor.migrate([("layer_identity", name)])
    return state.apps


@pytest.fixture
def first(transactional_db):
    yield models_after("0001_apps_and_keys")
    call_command("migrate", verbosity=0)


def add_key(apps, **times):
    app = apps.get_model("layer_identity", "LayerApp").objects.create(
        name="Messenger", app_id=APP_ID, provider_id=PROVIDER_ID
    )
    apps.get_model("layer_identity", "SigningKey").objects.create(
        app=app, key_id=UUID(str(KEY_ID)), fingerprint="f" * 64, bits=2048, **times
    )


@pytest.mark.parametrize("activated_at", [THEN, None], ids=["active before", "never"])
def test_a_key_that_was_active_is_tested_and_has_frozen_its_app(first, activated_at):
    add_key(first, activated_at=activated_at)

    second = models_after("0002_key_lives")

    key = second.get_model("layer_identity", "SigningKey").objects.get()
    app = second.get_model("layer_identity", "LayerApp").objects.get()
    assert (key.tested_at, app.frozen_at) == (activated_at, activated_at)
