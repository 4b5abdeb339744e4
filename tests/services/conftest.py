from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import caches
from django.db import connections

from django_layer_identity.models import LayerApp, LayerUser, SigningKey, SpentNonce
from tests.services import routing
from tests.services.available import missing, skip_or_fail
from tests.services.figures import show  # noqa: F401  # a fixture for these tests
from tests.services.npm import install


def need(name):
    """Skip the test if the service cannot be used; fail it if it is required."""
    if name not in {**settings.DATABASES, **settings.CACHES}:
        skip_or_fail(missing.get(name, "Run pytest with --ds=tests.services.settings."))


def hang_up():
    """Close this thread's connections to Redis, which Django itself does not close."""
    for pool in caches["default"]._cache._pools.values():
        pool.disconnect()


@pytest.fixture(
    params=["default", "postgresql", "mariadb"], ids=["sqlite", "postgresql", "mariadb"]
)
def database(request):
    """Run the test on each database, which then holds all tables of the app."""
    need(request.param)
    token = routing.database.set(request.param)
    request.getfixturevalue("db")
    yield connections[request.param]
    routing.database.reset(token)


@pytest.fixture
def sqlite_file(tmp_path, django_db_blocker):
    """A database in a file: only then can SQLite serve several connections."""
    connections.settings["file"] = {
        **connections.settings["default"],
        "NAME": tmp_path / "db.sqlite3",
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            "init_command": "PRAGMA synchronous = OFF",
        },
    }
    token = routing.database.set("file")
    with django_db_blocker.unblock():
        with connections["file"].schema_editor() as editor:
            for model in (User, LayerApp, SigningKey, LayerUser, SpentNonce):
                editor.create_model(model)
        yield
        connections["file"].close()
    routing.database.reset(token)
    del connections["file"], connections.settings["file"]


@pytest.fixture
def redis(settings):
    """Redis as the default cache, with a key prefix of its own."""
    need("redis")
    empty = {**settings.CACHES["redis"], "KEY_PREFIX": f"test-{uuid4()}"}
    settings.CACHES = {**settings.CACHES, "default": empty}
    yield caches["default"]
    hang_up()


@pytest.fixture(scope="session")
def jose(tmp_path_factory):
    """A folder with the npm package ``jose``."""
    return install(Path(__file__).parent / "jose", tmp_path_factory.mktemp("jose"))
