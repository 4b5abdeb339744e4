"""The settings of the page "Works with" for django-tenants, on PostgreSQL."""

from __future__ import annotations

import os

from tests.guide_pages import blocks
from tests.services.available import databases
from tests.settings import *  # noqa: F403
from tests.settings import CACHES

DATABASES = {"default": databases().get("postgresql", {})}
[recipe] = [
    code
    for _, caption, code in blocks("other-packages")
    if caption == "settings.py with django-tenants"
]
exec(recipe)  # noqa: S102

SHARED_APPS = [  # the page's "customers" is a package of the tests
    "tests.neighbours.tenants.customers" if app == "customers" else app
    for app in SHARED_APPS  # noqa: F405
]
INSTALLED_APPS = [*SHARED_APPS, *(a for a in TENANT_APPS if a not in SHARED_APPS)]  # noqa: F405
ROOT_URLCONF = "tests.neighbours.tenants.urls"
ALLOWED_HOSTS = ["*"]
if "TEST_WITHOUT_KEY_FUNCTION" in os.environ:
    del CACHES["default"]["KEY_FUNCTION"]
