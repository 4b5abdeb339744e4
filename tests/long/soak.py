"""Two processes, PostgreSQL and Redis, with honest and hostile clients."""

from __future__ import annotations

from tests.server.soak import report, soak
from tests.services import routing

NEEDS = ("postgresql", "redis")
SECONDS = 600
MIN_SECONDS = 8


def run(scale):
    token = routing.database.set("postgresql")
    try:
        return report(soak(max(MIN_SECONDS, SECONDS * scale)))
    finally:
        routing.database.reset(token)
