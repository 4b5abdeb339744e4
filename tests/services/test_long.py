"""The long runs at a small share of their length."""

from __future__ import annotations

import pytest

from tests.long import load, names
from tests.services.conftest import need

pytestmark = [
    pytest.mark.service,
    pytest.mark.django_db(transaction=True, databases="__all__"),
]


ONLY_LONG = {"nginx", "objective_c"}  # the gate need not install nginx and clang
SHARED = [name for name in names() if name not in ONLY_LONG]
SCALES = {name: 0.002 if name == "fuzz" else 0.01 for name in SHARED}


@pytest.mark.parametrize(("name", "scale"), SCALES.items(), ids=SCALES)
def test_a_long_run_passes_at_a_small_share_of_its_length(name, scale, show):
    run = load(name)
    for service in getattr(run, "NEEDS", ()):
        need(service)

    lines = run.run(scale)

    show([f"{name}, at scale {scale:g}", *lines])
    assert lines != []
