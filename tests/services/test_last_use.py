"""A key's use is noted without waiting for those who hold its row."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from contextvars import copy_context

import pytest
from django.db import connections, transaction
from django.utils import timezone

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


def note(key, database):
    """Note a use in a thread that returns before the lock is released."""
    record_key_use(key, timezone.now())
    connections[database.alias].close()


def last_used_at():
    return SigningKey.objects.get().last_used_at


def test_a_use_is_noted(key):
    now = timezone.now()

    record_key_use(key, now)

    assert last_used_at() == now


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
def test_a_use_is_not_noted_while_somebody_else_has_the_key(key, database):
    with ThreadPoolExecutor(1) as pool, transaction.atomic(using=database.alias):
        SigningKey.objects.select_for_update().get()
        pool.submit(copy_context().run, note, key, database).result(timeout=30)

    assert last_used_at() is None


def test_a_use_is_not_noted_while_somebody_else_writes_to_the_file(
    sqlite_file, private_key, tmp_path
):
    key = create_key(private_key)
    connections["file"].settings_dict["OPTIONS"]["timeout"] = 3600  # seconds
    other = sqlite3.connect(
        tmp_path / "db.sqlite3", isolation_level=None, check_same_thread=False
    )

    def note_while_locked():
        connections["file"].ensure_connection()  # which waits for locks
        other.execute("BEGIN EXCLUSIVE")
        note(key, connections["file"])

    with ThreadPoolExecutor(1) as pool, closing(other):
        pool.submit(copy_context().run, note_while_locked).result(timeout=30)

    assert last_used_at() is None
