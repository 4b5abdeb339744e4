"""The project under test, with another user model."""

from __future__ import annotations

import os

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS

AUTH_USER_MODEL = os.environ["TEST_USER_MODEL"]
# Without the models that belong to Django's own users.
INSTALLED_APPS = [name for name in INSTALLED_APPS if name != "tests"]
INSTALLED_APPS += ["tests.custom_user"]
