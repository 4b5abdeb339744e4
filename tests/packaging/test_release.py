"""The step of the release workflow that stops an incomplete release."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.fresh import environment
from tests.packaging.files import ROOT, read_pyproject, read_workflow

STOPS = {
    "empty": "[project.urls] has no Repository: fill it in as RELEASING.md says.",
    "other": "Repository in [project.urls] is https://hosted.example/other/name, "
    "but this is https://hosted.example/Owner/name.",
    "tag": "The tag must be v1.2.0, not v1.2.1.",
    "changelog": "CHANGELOG.md has no section [1.2.0].",
}
OURS = 'Repository = "https://hosted.example/owner/name/"'
OTHER = 'Repository = "https://hosted.example/other/name"'


@pytest.fixture
def release(tmp_path):
    """Run the step as the hosted job does; return its exit status and what it says."""
    script = tmp_path / "tests" / "dist" / "release.py"
    script.parent.mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "dist" / "release.py", script)
    steps = read_workflow("release")["jobs"]["ready"]["steps"]
    [command] = [step["run"] for step in steps if "run" in step]

    def run(*, urls=OURS, tag="v1.2.0", changelog="## [1.2.0] - 2026-12-01"):
        (tmp_path / "pyproject.toml").write_text(
            f'[project]\nversion = "1.2.0"\n[project.urls]\n{urls}\n'
        )
        (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n{changelog}\n")
        variables = environment(
            GITHUB_SERVER_URL="https://hosted.example",
            GITHUB_REPOSITORY="Owner/name",
            GITHUB_REF_NAME=tag,
        )
        done = subprocess.run(
            ["sh", "-e", "-c", command],
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stderr.strip()

    return run


def test_a_complete_release_goes_on(release):
    assert release() == (0, "")


@pytest.mark.parametrize(
    ("changes", "stop"),
    [
        ({"urls": ""}, "empty"),
        ({"urls": 'Repository = ""'}, "empty"),
        ({"urls": OTHER}, "other"),
        ({"tag": "v1.2.1"}, "tag"),
        ({"changelog": "## [Unreleased]"}, "changelog"),
        ({"changelog": "## [1.2.0rc1]"}, "changelog"),
    ],
)
def test_an_incomplete_release_stops(release, changes, stop):
    assert release(**changes) == (1, STOPS[stop])


def test_all_reasons_are_given_at_once(release):
    status, reasons = release(urls="", tag="v1.2.1", changelog="")

    assert status == 1
    assert reasons.splitlines() == [STOPS["empty"], STOPS["tag"], STOPS["changelog"]]


def test_the_step_runs_before_anything_else(release):
    assert "needs" not in read_workflow("release")["jobs"]["ready"]


def test_the_addresses_have_one_place():
    project = read_pyproject()["project"]

    assert "urls" in project
    assert project["dynamic"] == ["readme"]
