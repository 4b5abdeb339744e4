"""The server's clock goes back by an hour and forward again."""

from __future__ import annotations

import time
from pathlib import Path

import jwt
import pytest

from tests.server.clients import new_nonce, phone
from tests.server.process import database as database_settings
from tests.server.process import identity, serve
from tests.services.available import skip_or_fail

pytestmark = [
    pytest.mark.service,
    pytest.mark.django_db(transaction=True, databases=["default", "postgresql"]),
    pytest.mark.parametrize("database", ["postgresql"], indirect=True),
]
HOUR = 3600


@pytest.fixture
def clock(tmp_path):
    """Set the server's clock: the real time plus a number of seconds."""
    libraries = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not libraries:
        skip_or_fail("libfaketime is not installed: install Debian's package faketime.")
    return Clock(libraries[0], tmp_path / "clock")


class Clock:
    def __init__(self, library, file):
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
        }
        self.file = file
        self.set(0)

    def set(self, seconds):
        self.file.write_text(f"{seconds:+d}")

    def set_to(self, time):
        self.file.write_text(f"@2026-11-25 {time}")


def serve_with(clock, **changed):
    return serve(
        workers=1,
        threads=1,
        options=["--timeout=0"],  # after a jump gunicorn would kill the worker
        environment=clock.environment,
        DATABASES=database_settings("postgresql"),
        LAYER_IDENTITY=identity(**changed),
    )


def hours_ahead(answer):
    """Return how many hours ahead of the real clock a token was issued."""
    claims = jwt.decode(
        answer.body["identity_token"], options={"verify_signature": False}
    )
    assert claims["exp"] == answer.body["expires_at"]
    assert claims["exp"] - claims["iat"] == 305
    return round((claims["iat"] + 5 - time.time()) / HOUR, 1)


@pytest.mark.parametrize("guard", ["cache", "database"])
def test_tokens_follow_the_clock_and_nonces_stay_spent(
    database, clock, alice_token, bob_token, guard
):
    serving = serve_with(clock, NONCE_GUARD=guard)
    with (
        serving as server,
        phone(server, alice_token) as alice,
        phone(server, bob_token) as bob,
    ):
        nonce = new_nonce()
        assert hours_ahead(alice.ask(nonce=nonce)) == 0

        clock.set(-HOUR)
        assert hours_ahead(alice.ask(nonce=nonce)) == -1
        assert bob.ask(nonce=nonce).code == "nonce_already_used"
        early = new_nonce()
        assert hours_ahead(bob.ask(nonce=early)) == -1
        assert alice.ask(nonce=early).code == "nonce_already_used"

        clock.set(0)
        assert bob.ask(nonce=nonce).code == "nonce_already_used"
        assert hours_ahead(bob.ask()) == 0


def test_a_clock_that_goes_back_does_not_prolong_a_rate_limit(
    database, clock, alice_token
):
    serving = serve_with(clock, THROTTLE_RATES={"user": "2/hour", "failures": None})
    with serving as server, phone(server, alice_token) as alice:
        clock.set_to("12:30:00")
        assert [alice.ask().code for _ in range(3)] == ["issued", "issued", "throttled"]

        clock.set_to("10:30:00")
        assert [alice.ask().code for _ in range(3)] == ["issued", "issued", "throttled"]

        clock.set_to("11:30:00")
        assert alice.ask().code == "issued"
