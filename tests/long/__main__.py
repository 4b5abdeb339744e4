from __future__ import annotations

import argparse
import sys
import traceback

from django.core.management import call_command
from django.db import connections
from django.test.utils import setup_databases, teardown_databases

from tests.long import load, names
from tests.services.available import missing


def arguments():
    parser = argparse.ArgumentParser(prog="python -m tests.long")
    parser.add_argument("name", nargs="*", metavar="NAME", help=", ".join(names()))
    parser.add_argument("--scale", type=float, default=1, help="a share of the work")
    given = parser.parse_args()
    for name in set(given.name) - set(names()):
        parser.error(f"Unknown run: {name!r}. Choose from: {', '.join(names())}.")
    return given.name or names(), given.scale


def report(name, scale):
    """Run one and print its report; return whether it passed."""
    print(f"{name}, at scale {scale:g}", flush=True)
    try:
        run = load(name)
        lacking = [
            missing[need] for need in getattr(run, "NEEDS", ()) if need in missing
        ]
        assert not lacking, lacking
        lines = run.run(scale)
    except Exception:
        traceback.print_exc()
        return False
    finally:
        for alias in connections:
            call_command("flush", database=alias, interactive=False, verbosity=0)
    print(*(f"  {line}" for line in lines), sep="\n", flush=True)
    return True


def main():
    chosen, scale = arguments()
    databases = setup_databases(verbosity=0, interactive=False)
    try:
        done = [report(name, scale) for name in chosen]
    finally:
        teardown_databases(databases, verbosity=0)
    print(f"{sum(done)} passed, {len(done) - sum(done)} failed")
    sys.exit(not all(done))


main()
