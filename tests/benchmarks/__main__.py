from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from tempfile import TemporaryDirectory

from tests.benchmarks.places import PLACES, changed_settings, lacking
from tests.benchmarks.rounds import say

ROUNDS = 25
NAMES = {  # with the places where each runs
    "tokens": ["sqlite"],
    "endpoint": ["sqlite", "postgresql"],
    "fresh": ["sqlite", "postgresql"],
    "http": ["postgresql"],
}


def arguments():
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("name", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    for name in set(given.name) - set(NAMES):
        parser.error(f"Unknown benchmark: {name!r}. Choose from: {', '.join(NAMES)}.")
    return given.name or list(NAMES), given.rounds


def run(place, names, rounds):
    """Run the benchmarks in a process with the settings of this place."""
    with TemporaryDirectory() as folder:
        changed = changed_settings(place, folder)
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.server.settings",
            "TEST_SERVER": json.dumps(changed),
        }
        command = [sys.executable, "-m", "tests.benchmarks.run", place, str(rounds)]
        subprocess.run([*command, *names], env=environment, check=True)


def main():
    chosen, rounds = arguments()
    say("Each line has a ratio, the median CPU time of a call, and what was measured.")
    for place, title in PLACES.items():
        names = [name for name in chosen if place in NAMES[name]]
        reasons = lacking(place) if names else []
        if reasons:
            say(f"\n{title}: skipped. {' '.join(reasons)}")
        elif names:
            run(place, names, rounds)


main()
