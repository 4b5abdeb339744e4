"""The endpoint under load: gunicorn, PostgreSQL and Redis."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from statistics import median, quantiles

from tests.benchmarks.handler import form_body, json_body
from tests.benchmarks.names import FORM, JSON
from tests.benchmarks.rounds import (
    MICROSECONDS,
    AtLeast,
    AtMost,
    ratio,
    say,
    show_share,
)
from tests.server.clients import URL, Phone
from tests.server.process import database, serve

CLIENTS = 4  # concurrent
SERVERS = [(1, 1), (2, 1), (1, 4)]  # workers, threads
PACE = 0.05  # seconds from a client's request to its next one, for the same load
ROUNDS = 9
FLOOR, OURS, BARE, SAMPLE = (
    "the floor view",
    "the endpoint",
    "a bare view",
    "the way of Layer's sample",
)
RATIOS = [(OURS, FLOOR, AtMost(1.15)), (OURS, BARE, None), (SAMPLE, OURS, AtLeast(9))]


@dataclass
class View:
    """A view under load, and what was measured."""

    url: str
    requests: int  # of each client in a round
    content_type: str = JSON
    body: Callable[[], str] = json_body
    cpu: list[float] = field(default_factory=list)  # seconds of a request, per round
    rate: list[float] = field(default_factory=list)  # requests a second, per round
    latencies: list[float] = field(default_factory=list)  # seconds


def views():
    return {
        BARE: View("/bare", 25),
        FLOOR: View("/floor/token", 25),
        OURS: View(URL, 25),
        SAMPLE: View("/sample", 3, FORM, form_body),
    }


def run(rounds, place, logins):
    """Start all servers, and send requests to one view of one server at a time."""
    headers = logins["token"]
    found, paced = ({size: views() for size in SERVERS} for _ in range(2))
    with ExitStack() as stack:
        servers = {size: stack.enter_context(_serve(*size)) for size in SERVERS}
        pairs = [(size, name) for size in SERVERS for name in found[size]]
        for size, name in pairs:  # not counted: the first requests of each worker
            _round(servers[size], views()[name], headers)
        for turn in range(min(rounds, ROUNDS)):
            for size, name in pairs[:: -1 if turn % 2 else 1]:
                _round(servers[size], found[size][name], headers)
            for size in SERVERS[:2][:: -1 if turn % 2 else 1]:
                _round(servers[size], paced[size][OURS], headers, PACE)
    for (workers, threads), measured in found.items():
        _show(
            f"gunicorn, workers: {workers}, threads: {threads}; {CLIENTS} clients",
            measured,
        )
    say("\nCPU of the endpoint, two workers / one worker")
    _show_workers(found, "each as busy as it can be")
    _show_workers(paced, f"with the same load: {CLIENTS / PACE:.0f} requests a second")


def _serve(workers, threads):
    changed = json.loads(os.environ["TEST_SERVER"])
    changed["DATABASES"] = database("default", CONN_HEALTH_CHECKS=False)
    return serve(workers=workers, threads=threads, **changed)


def _round(server, view, headers, pace=0):
    before, start = _cpu_seconds(server), time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [
            pool.submit(_send, server.address, view, headers, pace)
            for _ in range(CLIENTS)
        ]
        latencies = [seconds for client in clients for seconds in client.result()]
    view.rate.append(len(latencies) / (time.perf_counter() - start))
    view.cpu.append((_cpu_seconds(server) - before) / len(latencies))
    view.latencies += latencies


def _send(address, view, headers, pace):
    """Send the requests of one client; return the seconds that each took."""
    taken, began = [], time.perf_counter()
    with closing(Phone(address, url=view.url, **headers)) as phone:
        for number in range(view.requests):
            time.sleep(max(0, began + number * pace - time.perf_counter()))
            body, start = view.body(), time.perf_counter()
            answer = phone.send(body, **{"Content-Type": view.content_type})
            taken.append(time.perf_counter() - start)
            assert answer.status == 200, answer
    return taken


def _cpu_seconds(server):
    """Return the CPU time of the workers: utime and stime, but in nanoseconds."""
    return sum(time.clock_gettime(_clock_of(pid)) for pid in server.workers)


def _clock_of(pid):
    """Return the clock of another process, as clock_getcpuclockid(3) in Linux does."""
    return ~pid << 3 | 2


def _show_workers(found, name):
    one, two = found[1, 1][OURS].cpu, found[2, 1][OURS].cpu
    show_share(ratio(two, one), median(two), name, AtMost(1.1))


def _show(title, found):
    say(f"\n{title}")
    say("   CPU µs  requests/s   p50 ms   p99 ms")
    for name, view in found.items():
        cuts = quantiles(view.latencies, n=100)
        say(
            f"{median(view.cpu) * MICROSECONDS:9,.0f} {median(view.rate):11,.0f}"
            f" {cuts[49] * 1000:8.1f} {cuts[98] * 1000:8.1f}  {name}"
        )
    for name, unit, goal in RATIOS:
        share = ratio(found[name].cpu, found[unit].cpu)
        show_share(share, median(found[name].cpu), f"CPU of {name} / {unit}", goal)
