"""Run benchmarks in one place, in this process: ``PLACE ROUNDS NAME...``."""

from __future__ import annotations

import sys
from importlib import import_module

import django
from django.test.utils import setup_databases, teardown_databases


def main():
    place, rounds, *names = sys.argv[1:]
    django.setup()
    from tests.benchmarks.rows import create_rows  # needs the settings

    databases = setup_databases(verbosity=0, interactive=False)
    try:
        logins = create_rows()
        for name in names:
            import_module(f"tests.benchmarks.{name}").run(int(rounds), place, logins)
    finally:
        teardown_databases(databases, verbosity=0)


main()
