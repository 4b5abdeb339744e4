"""Projects with a custom user model, each in a separate process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("model", ["Person", "Employee", "Subscriber", "Visitor"])
def test_the_tests_pass_with_each_user_model(model):
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("--ds", "tests.custom_user.settings", "tests/custom_user"),
        ],
        cwd=Path(__file__).parent.parent,
        env={**os.environ, "TEST_USER_MODEL": f"custom_user.{model}"},
        capture_output=True,
        text=True,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert "skipped" not in run.stdout
