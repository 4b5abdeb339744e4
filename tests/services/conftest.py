from __future__ import annotations

import sys

import pytest
from django.core.cache import caches
from django.db import connections

from tests.services import routing
from tests.services.available import missing, skip_or_fail


def need(name):
    """Skip, saying why, where a service is not there; fail where it must be."""
    if name in missing:
        skip_or_fail(missing[name])


def hang_up():
    """Close this thread's connections to Redis, which Django leaves to the garbage."""
    for pool in caches["default"]._cache._pools.values():
        pool.disconnect()


@pytest.fixture(
    params=["default", "postgresql", "mariadb"], ids=["sqlite", "postgresql", "mariadb"]
)
def database(request):
    """Each database in turn, with our tables in it and nowhere else."""
    need(request.param)
    token = routing.database.set(request.param)
    request.getfixturevalue("db")
    yield connections[request.param]
    routing.database.reset(token)


@pytest.fixture
def redis(settings):
    """Redis in place of the default cache."""
    need("redis")
    settings.CACHES = {**settings.CACHES, "default": settings.CACHES["redis"]}
    caches["default"].clear()
    yield caches["default"]
    caches["default"].clear()
    hang_up()


@pytest.fixture
def show(capsys):
    """Print figures for whoever reads the gate's output."""

    def write(lines):
        with capsys.disabled():
            sys.stdout.write("".join(f"\n    {line}" for line in ["", *lines]) + "\n")

    return write
