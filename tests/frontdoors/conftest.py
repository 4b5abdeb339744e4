from __future__ import annotations

import os
import sys
from types import ModuleType

import pytest
from django.test import Client

from tests.frontdoors.recipes import RECIPES, settings_of

#: These tests use a separate project, so they need a separate run:
#: ``pytest --ds=tests.frontdoors.settings tests/frontdoors``.
if os.environ["DJANGO_SETTINGS_MODULE"] != "tests.frontdoors.settings":
    collect_ignore_glob = ["test_*"]


@pytest.fixture
def follow(settings, monkeypatch):
    """Apply a recipe: its settings and its modules."""

    def follow(title):
        for file, code in RECIPES[title].items():
            if "/" in file:
                name = file.removesuffix(".py").replace("/", ".")
                module = ModuleType(name)
                exec(code, vars(module))  # noqa: S102
                package = ModuleType(name.rpartition(".")[0])
                monkeypatch.setitem(sys.modules, package.__name__, package)
                monkeypatch.setitem(sys.modules, name, module)
        found = settings_of(title)
        found["LAYER_IDENTITY"] |= settings.LAYER_IDENTITY
        for name in found.keys() - {"INSTALLED_APPS", "MIDDLEWARE"}:
            setattr(settings, name, found[name])

    return follow


@pytest.fixture
def phone():
    """A client with CSRF checks."""
    return Client(enforce_csrf_checks=True)
