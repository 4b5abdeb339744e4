"""The first request of a new process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from statistics import median

from django.db import connection

from tests.benchmarks.places import PLACES
from tests.benchmarks.rounds import AtMost, say, show_share

PROCESSES = 20
COLD, WARM, READY = (
    "first request",
    "first request after warm_keys()",
    "first request after warm_keys() and a request of a bare view",
)
STEPS = {COLD: [], WARM: ["warm"], READY: ["warm", "bare"]}


def run(rounds, place, logins):
    found = {name: [] for name in STEPS}
    for _ in range(min(rounds, PROCESSES)):
        for name, steps in STEPS.items():
            found[name].append(_new_process(steps, logins["token"]))
    say(f"\nA new process: {PLACES[place]}")
    _show(f"{COLD} / parsing the PEM", found[COLD], "parse", AtMost(2))
    _show(f"{WARM} / a later request", found[WARM], "steady", AtMost(3))
    _show(f"{READY} / a later request", found[READY], "steady", AtMost(3))


def _show(name, processes, unit, goal):
    """Print the median of all processes; each compares its own times."""
    first = median(each["first"] for each in processes)
    share = median(each["first"] / each[unit] for each in processes)
    show_share(share, first, name, goal)


def _new_process(steps, headers):
    """Return what the process measured; see ``tests.benchmarks.first``."""
    command = [sys.executable, "-m", "tests.benchmarks.first", json.dumps(headers)]
    changed = json.loads(os.environ["TEST_SERVER"])
    changed["DATABASES"]["default"]["NAME"] = connection.settings_dict["NAME"]
    environment = {**os.environ, "TEST_SERVER": json.dumps(changed)}
    process = subprocess.run(
        [*command, *steps], env=environment, check=True, capture_output=True, text=True
    )
    return json.loads(process.stdout)
