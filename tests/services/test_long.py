"""The long runs at a hundredth of their length."""

from __future__ import annotations

import pytest

from tests.long import load, names
from tests.services.conftest import need

pytestmark = [
    pytest.mark.service,
    pytest.mark.django_db(transaction=True, databases="__all__"),
]


@pytest.mark.parametrize("name", names())
def test_a_long_run_at_a_hundredth_of_its_length_passes(name, show):
    run = load(name)
    for service in getattr(run, "NEEDS", ()):
        need(service)

    lines = run.run(0.01)

    show([f"{name}, at scale 0.01", *lines])
    assert lines != []
