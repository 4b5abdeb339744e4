"""
Private keys never leak.

The tests plant a private key, a passphrase and the entries of ``KEY_ENCRYPTION_KEYS``.
Then they search all output for any run of 24 characters of these secrets.
"""

from __future__ import annotations

import pytest

from tests.secrecy.commands import lines, our_commands
from tests.secrecy.logs import at_debug
from tests.secrecy.reports import FAULTS, PLANTED_FAULT, reports
from tests.secrecy.surfaces import SURFACES

pytestmark = pytest.mark.slow


def leaks(planted, seen):
    """Return the names of the texts that show a secret, with its forms."""
    return {name: found for name, text in seen if (found := planted.found_in(text))}


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.__name__)
def test_no_output_shows_a_private_key(world, planted, surface):
    with at_debug() as log:
        seen = list(surface(world))

    assert len(seen) > 1
    assert "log of django.db.backends" in log.texts
    assert leaks(planted, [*seen, *log.texts.items()]) == {}


def test_every_command_of_the_package_is_run(world):
    assert {line[0] for line in lines(world)} == our_commands() | {
        "check",
        "showmigrations",
    }


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize(
    ("flow", "place"), FAULTS, ids=lambda value: getattr(value, "__name__", value)
)
def test_no_error_report_shows_a_private_key(world, planted, flow, place, debug):
    seen = list(reports(world, flow, place, debug=debug))

    assert PLANTED_FAULT in "".join(seen)
    assert leaks(planted, enumerate(seen)) == {}
