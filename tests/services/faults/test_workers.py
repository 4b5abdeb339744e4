"""A worker is killed during a request: the client only repeats the request."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.server.clients import create_users, new_nonce, phone
from tests.server.process import database as database_settings
from tests.server.process import identity, serve

pytestmark = [
    pytest.mark.service,
    pytest.mark.django_db(transaction=True, databases=["default", "postgresql"]),
    pytest.mark.parametrize("database", ["postgresql"], indirect=True),
]
CLIENTS = 4
ROUNDS = 40  # tokens for each client


def ask_until_issued(client, nonce):
    """Repeat the request while the connection breaks, like a mobile app."""
    answers = [client.ask(nonce=nonce)]
    while answers[-1].status == 0:
        answers.append(client.ask(nonce=nonce))
    return answers


def test_requests_lost_with_a_worker_succeed_when_repeated(database, alice_token):
    tokens = create_users("postgresql", *(f"user-{n}" for n in range(CLIENTS)))
    half_done = threading.Barrier(CLIENTS + 1)

    def work(token):
        answers = []
        with phone(server, token) as client:
            for number in range(ROUNDS):
                if number == ROUNDS // 2:
                    half_done.wait(timeout=60)
                answers += ask_until_issued(client, new_nonce())
        return answers

    databases = database_settings("postgresql")
    serving = serve(workers=2, DATABASES=databases, LAYER_IDENTITY=identity())
    with serving as server, ThreadPoolExecutor(CLIENTS) as pool:
        working = [pool.submit(work, token) for token in tokens]
        half_done.wait(timeout=60)
        killed = server.workers
        for worker in killed:
            os.kill(worker, signal.SIGKILL)
        answers = [answer for each in working for answer in each.result(timeout=60)]
        with phone(server, alice_token) as alice:
            assert alice.ask().code == "issued"
        survivors = set(server.workers) & set(killed)

    statuses = Counter(answer.status for answer in answers)
    assert statuses.pop(200) == CLIENTS * ROUNDS
    assert set(statuses) == {0}  # broken connections, and nothing else
    assert (len(killed), survivors) == (2, set())
