"""The hosted jobs: pinned actions, few permissions, and no publication without checks."""

from __future__ import annotations

import re

import pytest

from tests.packaging.files import ROOT, WORKFLOWS, read_workflow, read_yaml

NAMES = ("ci", "release")
PINNED = re.compile(r"uses: ([\w/.-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)")
CI = "uses: ./.github/workflows/ci.yml"


def uses(name):
    """Return the lines of a workflow that name an action or another workflow."""
    text = (WORKFLOWS / f"{name}.yml").read_text(encoding="utf-8")
    return re.findall(r"\buses: .*", text)


def steps(name):
    jobs = read_workflow(name)["jobs"].values()
    return [step for job in jobs for step in job.get("steps", [])]


def needed(jobs, name):
    """Return the names of all jobs that run before the job."""
    before = jobs[name].get("needs")
    return {before, *needed(jobs, before)} if before else set()


def test_there_are_two_workflows():
    assert sorted(file.stem for file in WORKFLOWS.iterdir()) == list(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_action_is_pinned_by_its_commit(name):
    lines = [line for line in uses(name) if not line.startswith(CI)]

    assert [line for line in lines if not PINNED.fullmatch(line)] == []
    assert lines != []


def test_each_action_has_one_commit():
    pins = {
        found.groups()
        for name in NAMES
        for found in map(PINNED.match, uses(name))
        if found
    }

    actions = sorted(action for action, _, _ in pins)
    assert actions == [
        "actions/checkout",
        "actions/download-artifact",
        "actions/setup-python",
        "actions/upload-artifact",
        "pypa/gh-action-pypi-publish",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_jobs_may_only_read(name):
    workflow = read_workflow(name)
    more = {
        job: found["permissions"]
        for job, found in workflow["jobs"].items()
        if "permissions" in found
    }

    assert workflow["permissions"] == {"contents": "read"}
    assert more == {"ci": {}, "release": {"publish": {"id-token": "write"}}}[name]


@pytest.mark.parametrize("name", NAMES)
def test_no_job_has_a_secret_or_keeps_the_checkouts_credentials(name):
    checkouts = [
        step["with"] for step in steps(name) if "checkout@" in step.get("uses", "")
    ]

    assert "secrets" not in (WORKFLOWS / f"{name}.yml").read_text(encoding="utf-8")
    assert all(one == {"persist-credentials": False} for one in checkouts)
    assert checkouts != []


def test_only_a_tag_of_a_version_starts_a_release():
    assert read_workflow("release")["on"] == {"push": {"tags": ["v*"]}}


def test_nothing_is_published_before_all_other_jobs():
    release, ci = read_workflow("release"), read_workflow("ci")

    assert needed(release["jobs"], "publish") == {"ready", "checks", "build"}
    assert needed(release["jobs"], "checks") == {"ready"}
    assert release["jobs"]["checks"]["uses"] == CI.removeprefix("uses: ")
    assert "workflow_call" in ci["on"]


def test_the_files_that_were_checked_are_published_with_attestations():
    jobs = read_workflow("release")["jobs"]
    *_, check, upload = jobs["build"]["steps"]
    download, publish = jobs["publish"]["steps"]

    assert check["run"] == "tox run -e dist -- dist"
    assert (upload["with"]["name"], upload["with"]["path"]) == ("dist", "dist/")
    assert download["with"] == {"name": "dist", "path": "dist/"}
    assert publish["with"] == {"attestations": True}
    assert jobs["publish"]["environment"] == "release"


def test_updates_are_proposed_for_actions_and_packages():
    updates = read_yaml(".github/dependabot.yml")["updates"]

    assert {one["package-ecosystem"]: one["directory"] for one in updates} == {
        "github-actions": "/",
        "pip": "/",
        "npm": "/tests/browser/websdk",
    }
    assert (ROOT / "tests/browser/websdk/package.json").exists()
