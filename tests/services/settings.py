"""The tests' settings with each of PostgreSQL, MariaDB and Redis that can be reached."""

from __future__ import annotations

from tests.services.available import cache, databases
from tests.settings import *  # noqa: F403
from tests.settings import CACHES, DATABASES

DATABASES = {**DATABASES, **databases()}
DATABASE_ROUTERS = ["tests.services.routing.OneDatabase"]
CACHES = {**CACHES, **cache()}
