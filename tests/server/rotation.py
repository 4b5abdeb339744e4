"""Rotate signing keys while several processes serve, and check the tokens."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import copy_context
from dataclasses import dataclass, field
from uuid import uuid4

import jwt
from django.db import connections

from django_layer_identity import keyring
from django_layer_identity.models import SigningKey
from tests.server.clients import create_app, create_users, phone
from tests.server.process import database, identity, serve

CLIENTS = 4
SWITCHES = 3  # activations in a rotation: new key, old key, new key


@dataclass
class Record:
    """The answers and revocations, as the clients saw them."""

    answers: list = field(default_factory=list)
    revoked_at: dict = field(default_factory=dict)  # key ID -> time of the commit
    done: threading.Event = field(default_factory=threading.Event)
    grew: threading.Condition = field(default_factory=threading.Condition)

    def add(self, answer):
        with self.grew:
            self.answers.append(answer)
            self.grew.notify_all()

    def wait_for(self, count):
        with self.grew:
            assert self.grew.wait_for(lambda: len(self.answers) >= count, timeout=120)


def requested_too_late(answers, revoked_at):
    """Return the answers that were requested after their key was revoked."""
    return [
        answer
        for answer in answers
        if answer.status == 200
        and answer.asked_at > revoked_at.get(key_id(answer), float("inf"))
    ]


def key_id(answer):
    return jwt.get_unverified_header(answer.body["identity_token"])["kid"]


def not_verified(answers, public_keys):
    """Return the answers whose token does not verify with the key of its kid."""
    return [answer for answer in answers if not _verifies(answer, public_keys)]


def _verifies(answer, public_keys):
    token = answer.body["identity_token"]
    options = {"verify_exp": False}  # a long run is checked at its end
    try:
        key = public_keys[key_id(answer)]
        jwt.decode(token, key, algorithms=["RS256"], options=options)
    except (jwt.InvalidTokenError, KeyError):
        return False
    return True


def rotate(app, active):
    """
    Activate a new key, roll back, activate the new key again, and revoke the old key.

    Return the new key, and a time after the commit of the revocation.
    """
    new = keyring.generate_private_key(app, key_id=uuid4())
    for key in (new, active, new):
        key.activate()
    active.revoke("rotated in a test")
    return new, time.monotonic()


def _rotate(record, app, rotations, tokens):
    active = app.active_key
    for number in range(rotations):
        record.wait_for((number + 1) * tokens // (rotations + 1))
        new, revoked_at = rotate(app, active)
        record.revoked_at[str(active.identifier)] = revoked_at
        active = new
    record.wait_for(tokens)
    connections["postgresql"].close()


def _ask(record, server, token):
    with phone(server, token) as client:
        while not record.done.is_set():
            record.add(client.ask())


def rotate_while_serving(rotations, tokens, workers=2):
    """Serve on PostgreSQL, request tokens and rotate concurrently; return the record."""
    record = Record()
    app = create_app()
    users = create_users("postgresql", *(f"user-{n}" for n in range(CLIENTS)))
    with ExitStack() as stack:
        server = stack.enter_context(
            serve(
                workers=workers,
                DATABASES=database("postgresql"),
                LAYER_IDENTITY=identity(),
            )
        )
        pool = stack.enter_context(ThreadPoolExecutor(CLIENTS + 1))
        stack.callback(record.done.set)
        asking = [pool.submit(_ask, record, server, token) for token in users]
        run = copy_context().run  # the tests' router reads the context
        pool.submit(run, _rotate, record, app, rotations, tokens).result()
        record.done.set()
        for client in asking:
            client.result()
    return record


def check(record):
    """Raise an error if any request failed; return the figures."""
    failed = Counter(answer.code for answer in record.answers if answer.status != 200)
    assert failed == {}
    return [
        f"{len(record.answers):,} requests, all with a token, 0 failures",
        *check_tokens(record.answers, record.revoked_at),
    ]


def check_tokens(answers, revoked_at):
    """Raise an error if a token is invalid or too late; return the figures."""
    keys = {str(key.identifier): key.public_key for key in SigningKey.objects.all()}
    issued = [answer for answer in answers if answer.status == 200]
    assert requested_too_late(issued, revoked_at) == []
    assert not_verified(issued, keys) == []
    rotations = len(revoked_at)
    return [
        f"{rotations} rotations: {SWITCHES * rotations} switches, {rotations} revocations",
        f"{len(issued):,} tokens verify with the key of their kid,"
        f" {len({key_id(answer) for answer in issued})} keys",
        "0 tokens requested after their key was revoked",
    ]
