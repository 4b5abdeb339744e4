"""Let a crowd at a server for a while, and see what becomes of both."""

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
WARM_UP = 5  # seconds before the first look at the workers' memory
PAUSE = 0.1  # seconds between two requests of a client
ROTATION = 5  # seconds from one to the next
LOOKS = 5  # after the first
GROWTH = 1.1  # of a worker's memory from the first look to the last, at most
GROWTH_IN_USE = 1.05  # of what is neither free nor waiting to be collected
GROWTH_AT_FIRST = 1.25  # of both, where the first look is at a worker not yet warm
CLIENTS = [  # and how many users each has, as one may ask 60 times a minute
    *[(traffic.honest, 40)] * 4,
    *[(traffic.with_password, 40)] * 2,
    (traffic.replaying, 80),
    (traffic.malformed, 40),
    (traffic.confused, 40),
    (traffic.hammering, 1),
    (traffic.stranger, 0),
    (traffic.guessing, 5),
    (traffic.hanging_up, 0),
]
AUDIT = {"tests.audit.apps.SilentAuditConfig": "django_layer_identity.audit"}


@dataclass
class Look:
    """What a look at the workers finds."""

    second: float
    workers: list
    kilobytes: list  # of memory, each
    postgresql: int  # connections, of all
    redis: int


@dataclass
class Record:
    """Everything that happened."""

    seconds: float
    answers: list = field(default_factory=list)
    revoked_at: dict = field(default_factory=dict)  # key ID -> when
    looks: list = field(default_factory=list)
    in_use: list = field(default_factory=list)  # at first and at last
    done: threading.Event = field(default_factory=threading.Event)


def soak(seconds):
    """Serve the crowd for so long; return the record."""
    record = Record(seconds)
    with ExitStack() as stack:
        server = stack.enter_context(_serve())
        app = create_app()
        pool = stack.enter_context(ThreadPoolExecutor(len(CLIENTS) + 1))
        stack.callback(record.done.set)
        start = time.monotonic()
        run = copy_context().run  # the tests' router knows the database by it
        tasks = [pool.submit(run, _rotate, record, app)]
        for number, (client, count) in enumerate(CLIENTS):
            users = _create_users(number, count)
            tasks.append(pool.submit(_send, record, server, number, client, users))
        warm = max(WARM_UP, min(60, seconds / 10))
        for moment in (warm, *(seconds * look / LOOKS for look in range(1, LOOKS + 1))):
            record.done.wait(start + moment - time.monotonic())
            record.looks.append(_look(server, time.monotonic() - start))
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
    """Be one client, at an address of its own, until it is over."""
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


def _look(server, second):
    return Look(
        second,
        server.workers,
        server.memory(),
        server.connections_to(int(settings.DATABASES["postgresql"]["PORT"] or 5432)),
        server.connections_to(urlsplit(REDIS_URL).port or 6379),
    )


def report(record):
    """Raise unless all went well; return the figures."""
    first, *_, last = record.looks
    codes = Counter(answer.code for answer in record.answers)
    strange = [one for one in record.answers if one.status == 0 or one.status >= 500]
    assert (strange, codes["no JSON"]) == ([], 0), record.log[-5000:]
    assert "Traceback" not in record.log, record.log[-5000:]
    assert last.workers == first.workers  # none was lost
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
        "0 answers of 5xx, 0 that are not JSON, 0 broken connections",
        *check_tokens(record.answers, record.revoked_at),
        *_memory(record),
        f"connections to PostgreSQL {first.postgresql}, then {last.postgresql};"
        f" to Redis {first.redis}, then {last.redis}",
    ]


def _growth(before, after):
    return [now / then for then, now in zip(before, after, strict=True)]


def _in_use(record, figure):
    """Return the figure of each worker: at first, and at last."""
    return [[worker[figure] for worker in workers] for workers in record.in_use]


def _memory(record):
    held = [look.kilobytes for look in record.looks]
    allocated, blocks = _in_use(record, "kilobytes"), _in_use(record, "blocks")
    return [
        "memory of each process:",
        *(
            f"  {_megabytes(look.kilobytes)} MB after {look.second:,.0f} seconds"
            for look in record.looks
        ),
        f"  from the first to the last: {_percent(held[0], held[-1])}",
        "in use, when garbage was collected, at the first and at the last:",
        f"  allocated by C: {' MB, '.join(map(_megabytes, allocated))} MB"
        f" ({_percent(*allocated)})",
        f"  Python's small blocks: {_percent(*blocks)}",
    ]


def _megabytes(kilobytes):
    return " and ".join(f"{each / 1024:.1f}" for each in kilobytes)


def _percent(before, after):
    return " and ".join(f"{ratio - 1:+.1%}" for ratio in _growth(before, after))
