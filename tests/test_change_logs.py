from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("exclude", [False, True], ids=["as installed", "excluded"])
def test_change_logs_copy_our_rows_unless_told_not_to(exclude):
    pytest.importorskip("auditlog")
    pytest.importorskip("easyaudit")
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
