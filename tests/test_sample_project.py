"""
The sample project with the code of the guides, tested with the test kit.

Its tests are those of the page "Test your code that uses this", run as printed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fresh import environment
from tests.pages import code_with_captions, page

SAMPLE = Path(__file__).parent / "sample_project"
TESTS = 11


@pytest.fixture
def project(tmp_path):
    shutil.copytree(
        SAMPLE, tmp_path / "project", ignore=shutil.ignore_patterns("__*__")
    )
    project = tmp_path / "project"
    (project / "tests").mkdir()
    for name in ("messenger", "tests"):
        (project / name / "__init__.py").touch()
    for guide in ("own-view", "testing"):
        for file, code in code_with_captions(page(guide).read_text()):
            with (project / file).open("a") as opened:
                opened.write(f"\n\n{code}")
    return project


def run(project, *command):
    done = subprocess.run(
        [sys.executable, *command],
        cwd=project,
        # Only these two: some of the plug-ins that are installed here take long to import.
        env=environment(
            PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
            PYTEST_PLUGINS="pytest_django.plugin,xdist.plugin",
        ),
        capture_output=True,
        text=True,
        timeout=120,
    )
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    return printed


@pytest.mark.parametrize("options", [[], ["-n", "2"]], ids=["one-process", "xdist"])
def test_the_sample_projects_tests_pass_with_pytest(project, options):
    printed = run(project, "-m", "pytest", "-q", *options)

    assert f"{TESTS} passed in" in printed


@pytest.mark.parametrize("options", [[], ["--parallel", "2"]], ids=["one", "parallel"])
def test_the_sample_projects_test_cases_pass_with_django(project, options):
    printed = run(project, "manage.py", "test", *options)

    assert "Ran 3 tests in" in printed
