"""The project's configuration files, parsed."""

from __future__ import annotations

from configparser import RawConfigParser
from pathlib import Path

import pytest
import yaml

# Python 3.10 has no tomllib. The files are the same for each version.
tomllib = pytest.importorskip("tomllib")

ROOT = Path(__file__).parent.parent.parent
WORKFLOWS = ROOT / ".github" / "workflows"


def read_yaml(name):
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def read_workflow(name):
    """Return a workflow; YAML 1.1 reads its key ``on`` as True."""
    workflow = read_yaml(f".github/workflows/{name}.yml")
    return {"on": workflow.pop(True), **workflow}


def read_pyproject():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def read_tox():
    parser = RawConfigParser()
    parser.read(ROOT / "tox.ini", encoding="utf-8")
    return parser
