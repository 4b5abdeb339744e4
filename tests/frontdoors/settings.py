"""The tests' project with the apps and middlewares of every recipe, on SQLite."""

from __future__ import annotations

from tests.frontdoors.recipes import RECIPES, settings_of
from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS, LAYER_IDENTITY, MIDDLEWARE

SECRET_KEY = "a secret for tests, longer than the 32 bytes that HS256 asks for"
ROOT_URLCONF = "tests.frontdoors.urls"

AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
for title in RECIPES:
    found = settings_of(
        title,
        INSTALLED_APPS=INSTALLED_APPS,
        MIDDLEWARE=MIDDLEWARE,
        AUTHENTICATION_BACKENDS=list(AUTHENTICATION_BACKENDS),
        LAYER_IDENTITY=dict(LAYER_IDENTITY),
    )
    INSTALLED_APPS = list(dict.fromkeys(found["INSTALLED_APPS"]))
    MIDDLEWARE = found["MIDDLEWARE"]
