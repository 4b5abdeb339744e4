"""Rotate keys while two processes serve."""

from __future__ import annotations

from tests.server.rotation import check, rotate_while_serving
from tests.services import routing

NEEDS = ("postgresql",)


def run(scale):
    token = routing.database.set("postgresql")
    try:
        return check(rotate_while_serving(round(200 * scale), round(20_000 * scale)))
    finally:
        routing.database.reset(token)
