"""
Find out which of PostgreSQL, MariaDB and Redis can be reached.

``TEST_POSTGRESQL_URL``, ``TEST_MARIADB_URL`` and ``TEST_REDIS_URL`` are the addresses.
``TEST_DATABASE`` names the database that the tests create there.
With ``REQUIRE_SERVICES=1``, a missing service is a failure and not a skip.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NoReturn
from urllib.parse import unquote, urlsplit

REQUIRED = os.environ.get("REQUIRE_SERVICES") == "1"
POSTGRESQL_URL = os.environ.get(
    "TEST_POSTGRESQL_URL", "postgresql://postgres@127.0.0.1:5432/postgres"
)
MARIADB_URL = os.environ.get("TEST_MARIADB_URL", "mysql://root@127.0.0.1:3306/test")
REDIS_URL = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/9")

#: Name of a service -> the reason for the skip: why it is missing, and what to do.
missing: dict[str, str] = {}


def _settings(engine: str, url: str) -> dict[str, object]:
    parts = urlsplit(url)
    return {
        "ENGINE": f"django.db.backends.{engine}",
        "HOST": parts.hostname,
        "PORT": parts.port,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "NAME": parts.path.lstrip("/"),
        "TEST": {"NAME": os.environ.get("TEST_DATABASE", "test_django_layer_identity")},
    }


def _reach_postgresql() -> dict[str, object]:
    import psycopg

    psycopg.connect(POSTGRESQL_URL, connect_timeout=3).close()
    return _settings("postgresql", POSTGRESQL_URL)


def _reach_mariadb() -> dict[str, object]:
    import MySQLdb

    parts = urlsplit(MARIADB_URL)
    MySQLdb.connect(
        host=parts.hostname,
        port=parts.port or 3306,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        connect_timeout=3,
    ).close()
    settings = _settings("mysql", MARIADB_URL)
    charset = {"CHARSET": "utf8mb4"}
    return {**settings, "TEST": {**settings["TEST"], **charset}}  # type: ignore[dict-item]


def _reach_redis() -> dict[str, object]:
    import redis

    with redis.from_url(REDIS_URL, socket_connect_timeout=3) as client:
        client.ping()
    return {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": f"django-layer-identity-{os.getpid()}",
    }


def _found(
    name: str, reach: Callable[[], dict[str, object]], client: str, variable: str
) -> dict[str, dict[str, object]]:
    """Return the service's settings, or record why it cannot be used."""
    try:
        return {name: reach()}
    except ImportError:
        missing[name] = f"{client} is not installed."
    except Exception as exc:
        first_line = (str(exc).splitlines() or [type(exc).__name__])[0]
        missing[name] = (
            f"{name} cannot be reached. Start it or set {variable}. ({first_line})"
        )
    return {}


def skip_or_fail(reason: str) -> NoReturn:
    """Skip the test with the reason; fail it if REQUIRE_SERVICES is 1."""
    import pytest  # only here, because the settings import this module

    if REQUIRED:
        pytest.fail(reason)
    pytest.skip(reason)


def databases() -> dict[str, dict[str, object]]:
    return {
        **_found(
            "postgresql",
            _reach_postgresql,
            "psycopg (from PyPI)",
            "TEST_POSTGRESQL_URL",
        ),
        **_found(
            "mariadb",
            _reach_mariadb,
            "mysqlclient (dependency group “mariadb”; it needs Debian's libmariadb-dev)",
            "TEST_MARIADB_URL",
        ),
    }


def cache() -> dict[str, dict[str, object]]:
    return _found("redis", _reach_redis, "redis (from PyPI)", "TEST_REDIS_URL")
