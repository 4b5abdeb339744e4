"""The settings of editors, of pre-commit and of the documentation's host."""

from __future__ import annotations

from configparser import RawConfigParser

from tests.packaging.files import ROOT, read_pyproject, read_tox, read_yaml

SUFFIXES = {".ini", ".md", ".py", ".toml", ".yaml"}


def hooks():
    [local] = read_yaml(".pre-commit-config.yaml")["repos"]
    assert local["repo"] == "local"  # it names no address
    return local["hooks"]


def test_pre_commit_runs_what_the_checks_run():
    commands = read_tox()["testenv:lint"]["commands"].split("\n")
    entries = [hook["entry"].removesuffix(" --force-exclude") for hook in hooks()]

    assert [one for one in commands if one.startswith("ruff")] == [
        f"{entries[0]} --check",
        entries[1],
    ]


def test_pre_commit_has_the_versions_of_the_checks():
    [ruff] = [
        one for one in read_pyproject()["dependency-groups"]["lint"] if "ruff" in one
    ]

    assert [hook["additional_dependencies"] for hook in hooks()] == [[ruff], [ruff]]


def test_the_hosted_documentation_is_built_as_the_checks_build_it():
    settings = read_yaml(".readthedocs.yaml")
    build = read_tox()["testenv:docs"]

    assert settings["sphinx"] == {
        "configuration": "docs/conf.py",
        "fail_on_warning": True,
    }
    assert "sphinx-build -W" in build["commands"]
    assert settings["build"]["jobs"]["install"][-1].endswith(
        f"--editable . --group {build['dependency_groups']}"
    )


def test_editors_format_python_as_ruff_does():
    text = (ROOT / ".editorconfig").read_text(encoding="utf-8")
    settings = RawConfigParser()
    settings.read_string(f"[top]\n{text}")

    length = read_pyproject()["tool"]["ruff"]["line-length"]
    assert dict(settings["*.py"]) == {
        "indent_size": "4",
        "max_line_length": str(length),
    }


def test_the_files_at_the_top_are_as_editors_write_them():
    files = [file for file in ROOT.iterdir() if file.suffix in SUFFIXES]

    for file in files:
        *lines, end = file.read_text(encoding="utf-8").split("\n")
        assert end == "", file
        assert [line for line in lines if line != line.rstrip()] == [], file
    assert ROOT / "pyproject.toml" in files
