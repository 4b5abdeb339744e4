"""Two processes, PostgreSQL and Redis, and a crowd of honest and hostile clients."""

from __future__ import annotations

from tests.server.soak import report, soak
from tests.services import routing

NEEDS = ("postgresql", "redis")
SECONDS = 600
AT_LEAST = 20


def run(scale):
    token = routing.database.set("postgresql")
    try:
        return report(soak(max(AT_LEAST, SECONDS * scale)))
    finally:
        routing.database.reset(token)
