"""
Long test runs: ``make long`` or ``python -m tests.long NAME``.

Each module has ``run(scale)``: it does the full work at scale 1 and a hundredth at 0.01.
It raises an error if something is wrong, and returns the lines of its report. The tests'
databases exist and are empty, as for a test. ``NEEDS`` names the required services, such
as ``("postgresql", "redis")``.
"""

from __future__ import annotations

import os
import pkgutil
from importlib import import_module

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.services.settings")
django.setup()


def names():
    """Return the names of all runs; new modules are found automatically."""
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name for name in found if not name.startswith("_"))


def load(name):
    return import_module(f"tests.long.{name}")
