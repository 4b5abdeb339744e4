"""Two hundred first requests on 32 connections: one user per ID, and no error 500."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from threading import Barrier
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connections

from django_layer_identity.models import LayerApp, LayerUser, SigningKey
from tests.conftest import APP_ID, KEY_ID, PROVIDER_ID
from tests.endpoint import ask, configure, read
from tests.services import routing
from tests.services.conftest import need

pytestmark = [
    pytest.mark.service,
    pytest.mark.django_db(transaction=True, databases="__all__"),
]

CONNECTIONS = 32
REQUESTS = 200


@pytest.fixture(
    params=["file", "postgresql", "mariadb"],
    ids=["sqlite", "postgresql", "mariadb"],
    autouse=True,
)
def server(request, settings, private_key):
    """Run the test on each database, with an app and its active key; SQLite uses a file."""
    if request.param == "file":
        request.getfixturevalue("sqlite_file")
    need(request.param)
    configure(settings, THROTTLE_RATES={"user": None})
    token = routing.database.set(request.param)
    app = LayerApp.objects.create(name="M", app_id=APP_ID, provider_id=PROVIDER_ID)
    key = SigningKey.from_private_key(app, private_key, key_id=KEY_ID)
    key.save()
    key.activate()
    yield
    routing.database.reset(token)


@pytest.fixture
def email_ids(settings):
    configure(settings, USER_ID="email", USER_ID_VERIFIED=True)


def create_users(count, email_of):
    return [
        User.objects.create(username=f"user{number}", email=email_of(number))
        for number in range(count)
    ]


def ask_concurrently(users):
    """Send one request per user concurrently; return users, statuses and results."""
    start, waiting = Barrier(CONNECTIONS), iter(users)

    def outcome(user):
        status, body = read(ask(user, nonce=uuid4().hex))
        return user.pk, status, body.get("user_id", body.get("code"))

    def ask_for_users():
        try:
            start.wait(timeout=60)
            return [
                outcome(user) for user in waiting
            ]  # each thread takes the next user
        finally:
            connections[routing.database.get()].close()

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        tasks = [
            pool.submit(copy_context().run, ask_for_users) for _ in range(CONNECTIONS)
        ]
        return [one for task in tasks for one in task.result(timeout=300)]


def owners():
    """Return the owner of each ID; all entries must be current."""
    assert not LayerUser.objects.filter(current_for=None).exists()
    return dict(LayerUser.objects.values_list("user_id", "owner"))


def test_one_user_with_many_connections_has_one_id(email_ids):
    [alice] = create_users(1, lambda number: "alice@example.com")

    outcomes = ask_concurrently([alice] * REQUESTS)

    assert outcomes == [(alice.pk, 200, "alice@example.com")] * REQUESTS
    assert owners() == {"alice@example.com": alice.pk}


def test_one_random_id_per_user_is_kept(settings):
    configure(settings, USER_ID="django_layer_identity.mapping.user_ids:random_uuid")
    users = create_users(20, lambda number: "")

    outcomes = ask_concurrently(users * (REQUESTS // 20))

    given = {user_id: pk for pk, _, user_id in outcomes}
    assert Counter(outcomes) == {
        (pk, 200, user_id): REQUESTS // 20 for user_id, pk in given.items()
    }
    assert owners() == given
    assert len(given) == 20


def test_one_id_for_all_users_goes_to_one_user(email_ids):
    users = create_users(REQUESTS, lambda number: "info@example.com")

    outcomes = ask_concurrently(users)

    [winner] = [pk for pk, status, _ in outcomes if status == 200]
    assert Counter(outcomes) == Counter(
        (user.pk, 200, "info@example.com")
        if user.pk == winner
        else (user.pk, 409, "user_id_taken")
        for user in users
    )
    assert owners() == {"info@example.com": winner}


def test_each_id_for_two_users_goes_to_one_user(email_ids):
    users = create_users(100, lambda number: f"desk{number // 2}@example.com")

    outcomes = ask_concurrently(users * 2)

    whose = owners()
    assert sorted(whose) == sorted({user.email for user in users})
    assert Counter(outcomes) == Counter(
        (user.pk, 200, user.email)
        if whose[user.email] == user.pk
        else (user.pk, 409, "user_id_taken")
        for user in users * 2
    )


def test_concurrent_changes_give_each_user_one_id(settings, email_ids):
    configure(settings, USER_ID_CHANGE="follow")
    users = create_users(20, lambda number: f"old{number}@example.com")
    for user in users:
        ask(user, nonce=uuid4().hex)
        user.email = user.email.replace("old", "new")

    outcomes = ask_concurrently(users * (REQUESTS // 20))

    assert Counter(outcomes) == {
        (user.pk, 200, user.email): REQUESTS // 20 for user in users
    }
    current = LayerUser.objects.exclude(current_for=None)
    former = LayerUser.objects.filter(current_for=None)
    assert sorted(current.values_list("owner", "user_id")) == [
        (user.pk, user.email) for user in users
    ]
    assert sorted(former.values_list("owner", "user_id")) == [
        (user.pk, user.email.replace("new", "old")) for user in users
    ]
