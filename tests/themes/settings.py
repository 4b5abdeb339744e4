"""The tests' project with the package that ``TEST_THEME`` names, on a file of SQLite."""

from __future__ import annotations

import os
from pathlib import Path

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS

#: Name -> apps that change the look of the admin; they precede Django's admin.
THEMES = {
    "django": [],
    "unfold": ["unfold"],
    "unfold-styled": ["unfold"],
    "jazzmin": ["jazzmin"],
    "grappelli": ["grappelli"],
}
THEME = os.environ.get("TEST_THEME", "django")

DEBUG = True  # runserver serves static files
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "tests.themes.urls"
INSTALLED_APPS = [*THEMES[THEME], *INSTALLED_APPS, "django.contrib.staticfiles"]
if THEME == "unfold-styled":
    INSTALLED_APPS += ["tests.themes.styled"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": Path(os.environ.get("TEST_THEME_DATA", "")) / "db.sqlite3",
    }
}
# Create the tables without migrations, because that is faster.
MIGRATION_MODULES = dict.fromkeys(
    (
        *("admin", "auth", "authtoken", "contenttypes", "sessions"),
        *("layer_identity", "layer_identity_audit"),
    )
)
