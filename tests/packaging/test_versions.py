"""The versions of Python and Django that are claimed are those that are tested."""

from __future__ import annotations

import re
from importlib.metadata import distribution
from itertools import product

from tests.packaging.files import read_pyproject, read_tox, read_workflow

#: The Python versions that each Django supports, of those that this package supports.
SUPPORTED = {
    "5.2": ["3.10", "3.11", "3.12", "3.13", "3.14"],
    "6.0": ["3.12", "3.13", "3.14"],
    "6.1": ["3.12", "3.13", "3.14"],
}
PAIRS = {
    f"py{python}-django{django}".replace(".", "")
    for django, pythons in SUPPORTED.items()
    for python in pythons
}


def claimed(start, classifiers):
    pattern = re.compile(rf"{start} :: (\d+\.\d+)")
    return [found[1] for line in classifiers if (found := pattern.fullmatch(line))]


def environments(text):
    """Return tox's environments: ``py3{10,11}`` are two."""
    for line in text.split():
        parts = [part.split(",") for part in re.split(r"[{}]", line)]
        yield from map("".join, product(*parts))


def python_jobs():
    """Return the jobs of CI that run several versions: Python, environments, allowed to fail."""
    matrix = read_workflow("ci")["jobs"]["versions"]["strategy"]["matrix"]["include"]
    return [
        (job["python"], job["environments"].split(","), job.get("prerelease", False))
        for job in matrix
    ]


def test_the_classifiers_name_the_supported_versions():
    classifiers = read_pyproject()["project"]["classifiers"]

    assert claimed("Framework :: Django", classifiers) == list(SUPPORTED)
    assert claimed("Programming Language :: Python", classifiers) == SUPPORTED["5.2"]


def test_the_installed_django_supports_these_versions_of_python():
    metadata = distribution("django").metadata
    supported = claimed(
        "Programming Language :: Python", metadata.get_all("Classifier")
    )
    ours = SUPPORTED[".".join(metadata["Version"].split(".")[:2])]

    assert [one for one in supported if one in SUPPORTED["5.2"]] == ours


def test_the_lowest_versions_are_the_first_ones():
    project = read_pyproject()["project"]

    assert project["requires-python"] == ">=3.10"
    assert [
        one[:11] for one in project["dependencies"] if one.startswith("django>")
    ] == ["django>=5.2"]


def test_tox_runs_each_pair_that_a_developer_can_have():
    listed = set(environments(read_tox()["tox"]["env_list"]))

    # Only the hosted checks have Python 3.14.
    assert listed - {"lint", "types", "docs", "security", "dist"} == {
        "py310-lowest",
        *(pair for pair in PAIRS if not pair.startswith("py314")),
    }


def test_ci_runs_each_pair_and_the_lowest_versions():
    required = [
        one for _, names, may_fail in python_jobs() if not may_fail for one in names
    ]

    assert sorted(required) == sorted(["py310-lowest", *PAIRS])


def test_ci_runs_prereleases_and_lets_only_them_fail():
    job = read_workflow("ci")["jobs"]["versions"]

    assert [
        (python, names) for python, names, may_fail in python_jobs() if may_fail
    ] == [
        ("3.14", ["py314-prerelease"]),
        ("3.15", ["py315-prerelease"]),
    ]
    assert job["continue-on-error"] == "${{ matrix.prerelease == true }}"


def test_each_job_of_ci_installs_the_python_of_its_environments():
    for python, names, _ in python_jobs():
        assert {name.split("-")[0] for name in names} == {
            f"py{python.replace('.', '')}"
        }


def test_each_django_has_a_group_that_tox_installs():
    groups = read_pyproject()["dependency-groups"]
    lines = read_tox()["testenv"]["dependency_groups"].split("\n")

    for version in SUPPORTED:
        name = f"django{version.replace('.', '')}"
        assert groups[name][0].startswith(f"django>={version}")
        assert f"{name}: {name}" in lines


def test_the_lowest_versions_of_all_extras_are_tested():
    extras = read_pyproject()["project"]["optional-dependencies"]

    [line] = read_tox()["testenv"]["deps"].split("\n")[1:]

    assert line == (
        f"lowest: django-layer-identity[{','.join(extras)}] @ file://{{tox_root}}"
    )
