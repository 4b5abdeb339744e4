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
#: What the process does before the request.
STEPS = {
    (): "first request",
    ("floor",): "first request after one of another view",
    ("warm",): "first request after warm_keys()",
    ("warm", "floor"): "first request after warm_keys() and one of another view",
}


def run(rounds, place, logins):
    found = {steps: [] for steps in STEPS}
    for _ in range(min(rounds, PROCESSES)):
        for steps in STEPS:
            found[steps].append(_new_process(steps, logins["token"]))
    say(f"\nA new process: {PLACES[place]}")
    for steps, name in STEPS.items():
        if "warm" in steps:
            _show(f"{name} / a later request", found[steps], "later", AtMost(3))
        else:
            _show(f"{name} / parsing the PEM", found[steps], "parse", AtMost(2))


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
