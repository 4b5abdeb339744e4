"""The test project with a custom user model."""

from __future__ import annotations

import os

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS

AUTH_USER_MODEL = os.environ["TEST_USER_MODEL"]
# The models of this app refer to Django's own user model.
INSTALLED_APPS = [name for name in INSTALLED_APPS if name != "tests"]
INSTALLED_APPS += ["tests.custom_user"]
