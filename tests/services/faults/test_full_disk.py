"""SQLite on a full disk, and with free space again."""

from __future__ import annotations

import resource
import sqlite3
from contextlib import ExitStack, closing

import pytest
from django.contrib.auth.models import User
from django.db import connection

from django_layer_identity.models import LayerUser
from tests.endpoint import NONCE, ask, read
from tests.server.clients import create_users, phone
from tests.server.process import identity, serve
from tests.services.faults.conftest import UNAVAILABLE

pytestmark = [
    pytest.mark.service,
    pytest.mark.django_db(transaction=True),
    pytest.mark.parametrize("database", ["default"], indirect=True, ids=["sqlite"]),
]
USERNAMES = [
    f"user-{number}" for number in range(300)
]  # more than a page of the ledger


@pytest.fixture
def pages(database):
    """Limit the database to a number of pages, at least to its present size."""

    def limit(to):
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA max_page_count = {to}")
            return cursor.fetchone()[0]

    with connection.cursor() as cursor:
        cursor.execute("VACUUM")  # earlier tests leave free pages
    yield limit
    limit(to=2**32 - 2)  # SQLite's default


def test_a_full_database_refuses_only_new_users(pages, alice_token):
    create_users("default", *USERNAMES)
    alice, *others = User.objects.order_by("pk")
    assert read(ask(alice, nonce=NONCE))[0] == 200
    full = pages(to=1)

    answers = [read(ask(user, nonce=NONCE + user.username)) for user in others]
    refused = [answer for answer in answers if answer[0] != 200]
    issued = len(others) - len(refused)
    assert (full > 1, refused[:1]) == (True, [UNAVAILABLE])
    assert refused == [UNAVAILABLE] * len(refused)
    assert LayerUser.objects.count() == 1 + issued
    assert read(ask(alice, nonce=NONCE))[0] == 200

    pages(to=full + 1000)
    for user in others:
        assert read(ask(user, nonce=NONCE + user.username))[0] == 200
    assert LayerUser.objects.count() == 1 + len(others)


def inspect_file(path):
    """Return the result of SQLite's integrity check and the number of user IDs."""
    with closing(sqlite3.connect(path)) as file:
        [[found]] = file.execute("PRAGMA integrity_check")
        [[count]] = file.execute("SELECT count(*) FROM layer_identity_layeruser")
    return found, count


def test_new_users_get_tokens_again_when_the_file_may_grow(
    database, alice_token, tmp_path
):
    tokens = create_users("default", *USERNAMES)
    path = tmp_path / "db.sqlite3"
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(path)])
    file = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path)}
    serving = serve(
        workers=1, threads=1, DATABASES={"default": file}, LAYER_IDENTITY=identity()
    )
    with ExitStack() as stack:
        server = stack.enter_context(serving)
        alice, *others = (
            stack.enter_context(phone(server, token))
            for token in [alice_token, *tokens]
        )
        assert alice.ask().code == "issued"
        [worker] = server.workers
        size = path.stat().st_size
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

        codes = [user.ask().code for user in others]
        assert set(codes) == {"issued", "unavailable"}
        assert inspect_file(path) == ("ok", 1 + codes.count("issued"))
        assert alice.ask().code == "issued"

        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(worker, resource.RLIMIT_FSIZE, unlimited)
        assert {user.ask().code for user in others} == {"issued"}
        assert inspect_file(path) == ("ok", 1 + len(others))
        assert server.workers == [worker]
