"""The first request of a new process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from statistics import median
from tempfile import TemporaryDirectory

from django.db import connection

from tests.benchmarks.places import PLACES
from tests.benchmarks.rounds import AtMost, ratio, say, show_share

PROCESSES = 20
#: What the processes do before the request.
STEPS = {"nothing": [], "floor": ["floor"], "warm": ["warm"]}
#: Which processes a line is about, the time and its unit, their names, and the goal.
LINES = [
    ("nothing", "first", "parse", "first request / parsing the PEM", None),
    ("floor", "floor", "parse", "first request of the floor view / the same", None),
    (
        *("floor", "first", "parse"),
        *("first request after one of the floor view / the same", AtMost(2)),
    ),
    (
        *("warm", "first", "later"),
        *("first request after warm_keys() / a later request", AtMost(3)),
    ),
]


def run(rounds, place, logins):
    found = {name: [] for name in STEPS}
    with TemporaryDirectory() as bytecode:
        start = partial(_new_process, place, logins["token"], bytecode)
        start([])  # not counted: it compiles the modules
        for _ in range(min(rounds, PROCESSES)):
            for name, steps in STEPS.items():
                found[name].append(start(steps))
    say(f"\nA new process: {PLACES[place]}")
    for processes, time, unit, name, goal in LINES:
        _show(found[processes], time, unit, name, goal)
    ours = [each["first"] for each in found["nothing"]]
    floor = [each["floor"] for each in found["floor"]]
    name = "first request of the endpoint / of the floor view"
    show_share(ratio(ours, floor), median(ours), name)


def _show(processes, time, unit, name, goal):
    """Print the median of all processes; each compares its own times."""
    share = median(each[time] / each[unit] for each in processes)
    show_share(share, median(each[time] for each in processes), name, goal)


def _new_process(place, headers, bytecode, steps):
    """Return what the process measured; see ``tests.benchmarks.first``."""
    command = [sys.executable, "-m", "tests.benchmarks.first", place]
    changed = json.loads(os.environ["TEST_SERVER"])
    changed["DATABASES"]["default"]["NAME"] = connection.settings_dict["NAME"]
    environment = {
        **os.environ,
        "TEST_SERVER": json.dumps(changed),
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": bytecode,
    }
    process = subprocess.run(
        [*command, json.dumps(headers), *steps],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(process.stdout)
