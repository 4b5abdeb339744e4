"""The databases and caches that the benchmarks use, and the settings for each."""

from __future__ import annotations

import os

from tests.server.process import TOKENS
from tests.services import available

PLACES = {
    "sqlite": "SQLite in a file, cache in the process",
    "postgresql": "PostgreSQL and Redis",
}


def lacking(place):
    """Return the reasons why this place cannot be used."""
    needed = () if place == "sqlite" else ("postgresql", "redis")
    found = {**available.databases(), **available.cache()} if needed else ()
    return [available.missing[name] for name in needed if name not in found]


def changed_settings(place, folder):
    """Return the changes of ``tests.settings`` for the process that measures here."""
    caches = {} if place == "sqlite" else {"CACHES": {"default": _redis()}}
    return {
        "ROOT_URLCONF": "tests.benchmarks.urls",
        "ALLOWED_HOSTS": ["testserver", "127.0.0.1"],
        "DATABASES": {"default": {**_database(place, folder), "CONN_MAX_AGE": None}},
        "LAYER_IDENTITY": identity(),
        **caches,
    }


def _database(place, folder):
    if place == "sqlite":
        name = os.path.join(folder, "db.sqlite3")
        engine = "django.db.backends.sqlite3"
        return {"ENGINE": engine, "NAME": name, "TEST": {"NAME": name}}
    server = available.databases()["postgresql"]
    return {**server, "TEST": {"NAME": f"{server['TEST']['NAME']}_benchmarks"}}


def _redis():
    return available.cache()["redis"]


def identity(**changes):
    """Return ``LAYER_IDENTITY`` with REST framework tokens and without rate limits."""
    return {
        "KEY_ENCRYPTION_KEYS": ["an entry for benchmarks, longer than 32 characters"],
        "AUTHENTICATION_CLASSES": TOKENS,
        "THROTTLE_RATES": {"user": None, "failures": None},
        **changes,
    }
