"""Packages with change logs, in a separate project and process."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.services.available import skip_or_fail


@pytest.mark.slow
@pytest.mark.parametrize("exclude", [False, True], ids=["as installed", "excluded"])
def test_change_logs_copy_rows_unless_models_are_excluded(exclude):
    for name in ("auditlog", "easyaudit"):
        find_spec(name) or skip_or_fail(
            f"{name} is not installed. Install the dependency group “changelogs”."
        )
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("--nomigrations", "--ds", "tests.change_logs.settings"),
            "tests/change_logs",
        ],
        cwd=Path(__file__).parent.parent,
        env={**os.environ, **({"TEST_CHANGE_LOGS_EXCLUDE": "1"} if exclude else {})},
        capture_output=True,
        text=True,
    )

    assert run.returncode == 0, run.stdout + run.stderr
