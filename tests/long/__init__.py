"""
Runs that are too long for every change: ``make long``, ``python -m tests.long NAME``.

Each module has ``run(scale)``: it does its work (all of it at scale 1, a hundredth at
0.01), raises where something is wrong, and returns the lines of its report. It finds the
tests' databases there and empty, as a test does, and makes what it needs. ``NEEDS`` names
the services that must be there, as ``("postgresql", "redis")``.
"""

from __future__ import annotations

import os
import pkgutil
from importlib import import_module

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.services.settings")
django.setup()


def names():
    """Return what can be run; a new module is picked up by itself."""
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name for name in found if not name.startswith("_"))


def load(name):
    return import_module(f"tests.long.{name}")
