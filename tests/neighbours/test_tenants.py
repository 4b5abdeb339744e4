"""django-tenants, in a separate project and process on PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.services.available import skip_or_fail

pytestmark = [pytest.mark.neighbour, pytest.mark.slow]


@pytest.mark.parametrize("key_function", [True, False])
def test_tenants_share_nothing_if_the_cache_has_the_key_function(key_function):
    find_spec("django_tenants") or skip_or_fail(
        "django-tenants is not installed. Use the tox environment “neighbours”."
    )
    without = {} if key_function else {"TEST_WITHOUT_KEY_FUNCTION": "1"}
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("--create-db", "--ds", "tests.neighbours.tenants.settings"),
            "tests/neighbours/tenants",
        ],
        cwd=Path(__file__).parents[2],
        env={
            **os.environ,
            "TEST_DATABASE": f"test_layer_tenants_{os.getpid()}",
            **without,
        },
        capture_output=True,
        text=True,
    )

    assert run.returncode == 0, run.stdout + run.stderr
