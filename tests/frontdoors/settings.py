"""The tests' project with the apps and middlewares of every recipe, on SQLite."""

from __future__ import annotations

from tests.frontdoors.recipes import RECIPES, settings_of
from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS, MIDDLEWARE

SECRET_KEY = "a secret for tests, longer than the 32 bytes that HS256 asks for"
ROOT_URLCONF = "tests.frontdoors.urls"

for title in RECIPES:
    found = settings_of(title)
    INSTALLED_APPS = list(
        dict.fromkeys(INSTALLED_APPS + found.get("INSTALLED_APPS", []))
    )
    MIDDLEWARE = list(dict.fromkeys(MIDDLEWARE + found.get("MIDDLEWARE", [])))

# The recipe "Impersonation" works with each of these, and installs none of them.
INSTALLED_APPS += ["hijack", "loginas", "impersonate"]
