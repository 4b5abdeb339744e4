"""Users are deleted while their tokens change their Layer user ID."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from threading import Barrier, Event
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import Error, connections

from django_layer_identity.exceptions import Refusal
from django_layer_identity.models import LayerApp, LayerUser, SigningKey
from tests.conftest import APP_ID, KEY_ID, PROVIDER_ID
from tests.endpoint import configure
from tests.ledger.users import create_user, issued_id

pytestmark = [
    pytest.mark.service,
    pytest.mark.django_db(transaction=True, databases="__all__"),
    pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True),
]

DELETIONS = 60
CONNECTIONS = 4  # that request tokens for the user during the deletion


@pytest.fixture
def key(database, settings, private_key):
    """The active key of an app; each token gives the user a new ID."""
    configure(settings, USER_ID=lambda context: uuid4().hex, USER_ID_CHANGE="follow")
    app = LayerApp.objects.create(name="M", app_id=APP_ID, provider_id=PROVIDER_ID)
    key = SigningKey.from_private_key(app, private_key, key_id=KEY_ID)
    key.save()
    key.activate()
    return key


def delete_under_load(users, hang_up):
    """Delete each user while tokens change the user's entry; return the errors."""
    barrier, deleted = Barrier(CONNECTIONS + 1), [Event() for _ in users]

    def request_tokens():
        try:
            for user, gone in zip(users, deleted, strict=True):
                ask(user)
                barrier.wait(timeout=60)
                while not gone.is_set():
                    ask(user)
        finally:
            hang_up()

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        tasks = [
            pool.submit(copy_context().run, request_tokens) for _ in range(CONNECTIONS)
        ]
        errors = []
        for user, gone in zip(users, deleted, strict=True):
            barrier.wait(timeout=60)
            errors += delete(user)
            gone.set()
        for task in tasks:
            task.result(timeout=60)
    return errors


def ask(user):
    with suppress(Refusal):
        issued_id(user)


def delete(user):
    try:
        User.objects.get(pk=user.pk).delete()
    except Error as exc:
        return [exc]
    return []


def test_no_deletion_fails_while_the_users_entry_changes(database, key, show):
    users = [create_user(f"user{number}") for number in range(DELETIONS)]

    errors = delete_under_load(
        users, hang_up=lambda: connections[database.alias].close()
    )

    show([f"{database.vendor}: {len(errors)} of {DELETIONS} deletions failed"])
    assert errors == []
    assert set(LayerUser.objects.values_list("user_id", "owner", "current_for")) == {
        ("", None, None)
    }
