"""Send mixed traffic to a server for a while, and check the answers and the memory."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from contextvars import copy_context
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connections

from tests.server import traffic
from tests.server.clients import Phone, create_app, create_users
from tests.server.process import PASSWORDS, TOKENS, database, identity, serve
from tests.server.rotation import check_tokens, rotate
from tests.services.available import REDIS_URL

WORKERS, THREADS = 2, 4
WARM_UP = 5  # seconds before the first measurement of the workers' memory
PAUSE = 0.1  # seconds between two requests of a client
ROTATION = 5  # seconds between two rotations
MEASUREMENTS = 5  # measurements after the first
GROWTH = 1.1  # maximum of a worker's memory, last measurement / first
GROWTH_IN_USE = 1.05  # the same for the memory in use after garbage collection
GROWTH_AT_FIRST = 1.25  # for both, if the first measurement precedes the warm-up
CLIENTS = [  # with the number of users, because of the limit of 60 requests a minute
    *[(traffic.honest, 40)] * 4,
    *[(traffic.with_password, 40)] * 2,
    (traffic.replaying, 80),
    (traffic.malformed, 40),
    (traffic.mismatched, 40),
    (traffic.bursting, 1),
    (traffic.unauthenticated, 0),
    (traffic.guessing_passwords, 5),
    (traffic.hanging_up, 0),
]
AUDIT = {"tests.audit.apps.SilentAuditConfig": "django_layer_identity.audit"}


@dataclass
class Measurement:
    """One measurement of the workers."""

    second: float
    workers: list
    kilobytes: list  # of memory, per worker
    postgresql: int  # connections of all workers
    redis: int


@dataclass
class Record:
    """The answers, the revocations and the measurements."""

    seconds: float
    answers: list = field(default_factory=list)
    revoked_at: dict = field(default_factory=dict)  # key ID -> time of the commit
    measurements: list = field(default_factory=list)
    in_use: list = field(default_factory=list)  # first and last measurement
    done: threading.Event = field(default_factory=threading.Event)


def soak(seconds):
    """Serve the traffic for a number of seconds; return the record."""
    record = Record(seconds)
    with ExitStack() as stack:
        server = stack.enter_context(_serve())
        app = create_app()
        pool = stack.enter_context(ThreadPoolExecutor(len(CLIENTS) + 1))
        stack.callback(record.done.set)
        start = time.monotonic()
        run = copy_context().run  # the tests' router reads the context
        tasks = [pool.submit(run, _rotate, record, app)]
        for number, (client, count) in enumerate(CLIENTS):
            users = _create_users(number, count)
            tasks.append(pool.submit(_send, record, server, number, client, users))
        warm = max(WARM_UP, min(60, seconds / 10))
        for moment in (
            warm,
            *(
                seconds * measurement / MEASUREMENTS
                for measurement in range(1, MEASUREMENTS + 1)
            ),
        ):
            record.done.wait(start + moment - time.monotonic())
            record.measurements.append(_measure(server, time.monotonic() - start))
            if moment in (warm, seconds):
                record.in_use.append(server.memory_in_use())
        record.done.set()
        for task in tasks:
            task.result()
        record.log = server.said()
    return record


def _serve():
    cache = {**settings.CACHES["redis"], "KEY_PREFIX": f"soak-{os.getpid()}"}
    return serve(
        workers=WORKERS,
        threads=THREADS,
        INSTALLED_APPS=[AUDIT.get(app, app) for app in settings.INSTALLED_APPS],
        DATABASES=database("postgresql"),
        CACHES={"default": cache},
        LAYER_IDENTITY=identity(
            AUTHENTICATION_CLASSES=[PASSWORDS, *TOKENS],
            THROTTLE_RATES={"user": "60/min", "failures": "20/min"},
        ),
    )


def _create_users(number, count):
    names = [f"user-{number}-{user}" for user in range(count)]
    return names, create_users("postgresql", *names, password=traffic.PASSWORD)


def _send(record, server, number, client, users):
    """Run one client at its own address until the end."""
    with closing(Phone(server.address, source=f"127.0.1.{number + 1}")) as phone:
        for answer in client(phone, *users):
            record.answers += [answer] if answer else []
            if record.done.wait(PAUSE):
                return


def _rotate(record, app):
    active = app.active_key
    while not record.done.wait(ROTATION):
        new, revoked_at = rotate(app, active)
        record.revoked_at[str(active.identifier)] = revoked_at
        active = new
    connections["postgresql"].close()


def _measure(server, second):
    return Measurement(
        second,
        server.workers,
        server.memory(),
        server.connections_to(int(settings.DATABASES["postgresql"]["PORT"] or 5432)),
        server.connections_to(urlsplit(REDIS_URL).port or 6379),
    )


def report(record):
    """Raise an error if anything went wrong; return the figures."""
    first, *_, last = record.measurements
    codes = Counter(answer.code for answer in record.answers)
    unexpected = [one for one in record.answers if one.status == 0 or one.status >= 500]
    assert (unexpected, codes["no JSON"]) == ([], 0), record.log[-5000:]
    assert "Traceback" not in record.log, record.log[-5000:]
    assert last.workers == first.workers  # no worker was replaced
    warm = first.second >= 60
    growth = _growth(first.kilobytes, last.kilobytes)
    assert max(growth) <= (GROWTH if warm else GROWTH_AT_FIRST), _memory(record)
    growth = [
        *_growth(*_in_use(record, "kilobytes")),
        *_growth(*_in_use(record, "blocks")),
    ]
    assert max(growth) <= (GROWTH_IN_USE if warm else GROWTH_AT_FIRST), _memory(record)
    threads = WORKERS * THREADS
    assert max(last.postgresql, last.redis) <= threads + WORKERS
    total = sum(codes.values())
    return [
        f"{record.seconds:.0f} seconds, {WORKERS} processes, {len(CLIENTS)} clients",
        f"{total:,} requests:",
        *(
            f"  {count / total:6.1%}  {count:6,}  {code}"
            for code, count in codes.most_common()
        ),
        "0 answers with 5xx, 0 without JSON, 0 broken connections",
        *check_tokens(record.answers, record.revoked_at),
        *_memory(record),
        f"connections to PostgreSQL {first.postgresql}, then {last.postgresql};"
        f" to Redis {first.redis}, then {last.redis}",
    ]


def _growth(before, after):
    return [now / then for then, now in zip(before, after, strict=True)]


def _in_use(record, figure):
    """Return the figure of each worker, at the first and at the last measurement."""
    return [[worker[figure] for worker in workers] for workers in record.in_use]


def _memory(record):
    held = [measurement.kilobytes for measurement in record.measurements]
    allocated, blocks = _in_use(record, "kilobytes"), _in_use(record, "blocks")
    return [
        "memory of each process:",
        *(
            f"  {_megabytes(measurement.kilobytes)} MB after {measurement.second:,.0f} seconds"
            for measurement in record.measurements
        ),
        f"  growth from first to last: {_percent(held[0], held[-1])}",
        "in use after garbage collection, first and last:",
        f"  allocated by C: {' MB, '.join(map(_megabytes, allocated))} MB"
        f" ({_percent(*allocated)})",
        f"  Python's small blocks: {_percent(*blocks)}",
    ]


def _megabytes(kilobytes):
    return " and ".join(f"{each / 1024:.1f}" for each in kilobytes)


def _percent(before, after):
    return " and ".join(f"{ratio - 1:+.1%}" for ratio in _growth(before, after))
