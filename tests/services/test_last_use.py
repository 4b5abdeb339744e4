"""Recording a key's last use on each database, and the locks it waits for."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from contextvars import copy_context
from threading import Event

import pytest
from django.db import connections, transaction

from django_layer_identity.models import LayerApp, SigningKey
from tests.conftest import APP_ID, KEY_ID, PROVIDER_ID
from tests.internals import record_key_use

pytestmark = [
    pytest.mark.service,
    pytest.mark.django_db(transaction=True, databases="__all__"),
]


def create_key(private_key):
    app = LayerApp.objects.create(name="M", app_id=APP_ID, provider_id=PROVIDER_ID)
    key = SigningKey.from_private_key(app, private_key, key_id=KEY_ID)
    key.save()
    return key


@pytest.fixture
def key(database, private_key):
    return create_key(private_key)


def last_used_at():
    return SigningKey.objects.get().last_used_at


def test_a_use_is_recorded(key):
    record_key_use(key)

    assert last_used_at() is not None


def test_inside_a_transaction_a_use_is_recorded_after_the_commit(key, database):
    with transaction.atomic(using=database.alias):
        record_key_use(key)
        assert last_used_at() is None

    assert last_used_at() is not None


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
def test_a_use_is_recorded_after_another_transaction_releases_the_key(key, database):
    asked = Event()

    def announce(execute, *args):
        asked.set()
        return execute(*args)

    def record():
        own = connections[database.alias]  # this thread's connection
        with closing(own), own.execute_wrapper(announce):
            record_key_use(key)

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic(using=database.alias):
            SigningKey.objects.select_for_update().get()
            recorded = pool.submit(copy_context().run, record)
            assert asked.wait(timeout=30)
        recorded.result(timeout=30)

    assert last_used_at() is not None


def test_a_use_is_not_recorded_while_the_file_stays_locked(
    sqlite_file, private_key, tmp_path, caplog
):
    key = create_key(private_key)
    connections["file"].close()
    connections["file"].settings_dict["OPTIONS"]["timeout"] = 0
    other = sqlite3.connect(tmp_path / "db.sqlite3", isolation_level=None)

    with closing(other):
        connections["file"].ensure_connection()  # opening a connection waits for locks
        other.execute("BEGIN EXCLUSIVE")
        record_key_use(key)

    assert last_used_at() is None
    assert "database is locked" in caplog.text
