"""The documented recipes for connection pools, during an outage."""

from __future__ import annotations

import time
from contextlib import contextmanager

import pytest
from django.conf import settings

from tests.pages import captioned
from tests.server.bouncer import PrivateBouncer
from tests.server.clients import phone
from tests.server.process import database as database_settings
from tests.server.process import identity, serve
from tests.server.proxy import Proxy
from tests.services.faults.conftest import UNAVAILABLE

pytestmark = [
    pytest.mark.service,
    pytest.mark.django_db(transaction=True, databases=["default", "postgresql"]),
    pytest.mark.parametrize("database", ["postgresql"], indirect=True),
]
RECIPES = captioned("reliability")
SILENT, AUDIT = "tests.audit.apps.SilentAuditConfig", "django_layer_identity.audit"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {"psycopg.pool": {"handlers": ["console"], "level": "INFO"}},
}


def recipe(title, **options):
    """Return ``DATABASES`` of a recipe, pointed at the test's database."""
    names = {}
    exec(RECIPES[title], names)  # noqa: S102
    written = names["DATABASES"]["default"]
    ours = database_settings("postgresql", **written)["default"]
    access = {name: settings.DATABASES["postgresql"][name] for name in ("USER", "NAME")}
    return {"default": {**ours, **access, "HOST": "127.0.0.1", **options}}


@contextmanager
def psycopgs_pool(wire):
    """Yield the settings, and a function that counts the requests to the pool."""
    databases = recipe("settings.py with psycopg's pool", PORT=wire.port)
    yield databases, lambda server: server.said().count("connection requested from")


@contextmanager
def pgbouncer(wire):
    """Yield the settings, and a function that counts the connections to PgBouncer."""
    access = settings.DATABASES["postgresql"]
    with PrivateBouncer(
        RECIPES["pgbouncer.ini"],
        host="127.0.0.1",
        port=wire.port,
        user=access["USER"],
        password=access["PASSWORD"],
    ) as bouncer:
        databases = recipe("settings.py behind PgBouncer", PORT=bouncer.port)
        yield databases, lambda server: bouncer.said().count("login attempt")


@pytest.fixture(params=[psycopgs_pool, pgbouncer], ids=lambda pool: pool.__name__)
def pooled(request, database):
    """A proxy that can be cut, the settings, and the counting function."""
    access = database.settings_dict
    with (
        Proxy(access["HOST"], access["PORT"]) as wire,
        request.param(wire) as (databases, count),
    ):
        yield wire, databases, count


def serve_with(databases):
    """Serve with the audit app, which also queries the database, one request at a time."""
    apps = [AUDIT if app == SILENT else app for app in settings.INSTALLED_APPS]
    return serve(
        workers=1,
        threads=1,
        DATABASES=databases,
        INSTALLED_APPS=apps,
        LOGGING=LOGGING,
        LAYER_IDENTITY=identity(),
    )


def ask_until_issued(client):
    """Repeat the request: PgBouncer waits between two attempts to connect."""
    deadline = time.monotonic() + 30
    while client.ask().code != "issued":
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_during_an_outage_each_request_tries_to_connect_once(pooled, alice_token):
    wire, databases, count = pooled
    with serve_with(databases) as server, phone(server, alice_token) as alice:
        assert alice.ask().code == "issued"
        wire.cut()

        for _ in range(2):
            before = count(server)
            answer = alice.ask()
            assert (answer.status, answer.body) == UNAVAILABLE
            assert count(server) - before == 1


def test_after_an_outage_the_same_process_serves_again(pooled, alice_token):
    wire, databases, _ = pooled
    with serve_with(databases) as server, phone(server, alice_token) as alice:
        assert alice.ask().code == "issued"
        workers = server.workers
        wire.cut()
        assert alice.ask().code == "unavailable"

        wire.restore()

        ask_until_issued(alice)
        assert [alice.ask().code for _ in range(3)] == ["issued"] * 3
        assert server.workers == workers
