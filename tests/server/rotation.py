"""Rotate signing keys while several processes serve, and look at what was signed."""

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
SWITCHES = 3  # of the active key in a rotation: forward, back, forward


@dataclass
class Record:
    """Everything that happened, as the outside saw it."""

    answers: list = field(default_factory=list)
    revoked_at: dict = field(default_factory=dict)  # key ID -> when it was committed
    done: threading.Event = field(default_factory=threading.Event)
    grew: threading.Condition = field(default_factory=threading.Condition)

    def add(self, answer):
        with self.grew:
            self.answers.append(answer)
            self.grew.notify_all()

    def wait_for(self, count):
        with self.grew:
            assert self.grew.wait_for(lambda: len(self.answers) >= count, timeout=120)


def signed_too_late(answers, revoked_at):
    """Return the answers asked for after the key that signed them was revoked."""
    return [
        answer
        for answer in answers
        if answer.status == 200
        and answer.asked_at > revoked_at.get(key_id(answer), float("inf"))
    ]


def key_id(answer):
    return jwt.get_unverified_header(answer.body["identity_token"])["kid"]


def does_not_verify(answers, public_keys):
    """Return the answers whose token is not good under the key that its kid names."""
    return [answer for answer in answers if not _verifies(answer, public_keys)]


def _verifies(answer, public_keys):
    token = answer.body["identity_token"]
    options = {"verify_exp": False}  # a long run is looked at when it is over
    try:
        key = public_keys[key_id(answer)]
        jwt.decode(token, key, algorithms=["RS256"], options=options)
    except (jwt.InvalidTokenError, KeyError):
        return False
    return True


def rotate(app, active):
    """
    Let a new key take over, go back to the active one and on again; revoke that.

    Return the new key, and when the revocation was surely committed.
    """
    new = keyring.generate_private_key(app, key_id=uuid4())
    for key in (new, active, new):
        key.activate()
    active.revoke("rotated in a test")
    return new, time.monotonic()


def _rotate(record, app, rotations, tokens):
    active = app.active_key
    for turn in range(rotations):
        record.wait_for((turn + 1) * tokens // (rotations + 1))
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
    """Serve on PostgreSQL, ask and rotate at the same time; return the record."""
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
        run = copy_context().run  # the tests' router knows the database by it
        pool.submit(run, _rotate, record, app, rotations, tokens).result()
        record.done.set()
        for client in asking:
            client.result()
    return record


def check(record):
    """Raise unless all went well; return the figures."""
    failed = Counter(answer.code for answer in record.answers if answer.status != 200)
    assert failed == {}
    return [
        f"{len(record.answers):,} tokens asked for, as many issued, 0 failures",
        *check_tokens(record.answers, record.revoked_at),
    ]


def check_tokens(answers, revoked_at):
    """Raise if a token is not good, or came too late; return the figures."""
    keys = {str(key.identifier): key.public_key for key in SigningKey.objects.all()}
    issued = [answer for answer in answers if answer.status == 200]
    assert signed_too_late(issued, revoked_at) == []
    assert does_not_verify(issued, keys) == []
    rotations = len(revoked_at)
    return [
        f"{rotations} rotations: {SWITCHES * rotations} switches, {rotations} revocations",
        f"{len(issued):,} tokens verify under the key that their kid names,"
        f" {len({key_id(answer) for answer in issued})} keys",
        "0 tokens asked for after the key that signed them was revoked",
    ]
