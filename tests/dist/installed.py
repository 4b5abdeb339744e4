"""Install the wheel with the oldest and the newest versions; issue a token in a project."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from check import built
from environments import create, run

PROJECT = Path(__file__).with_name("project.py")
#: Python and Django.
PAIRS = {"3.10": "5.2", "3.13": "6.1"}


def issue(wheel: Path, folder: Path, python_version: str, django: str) -> None:
    python = create(folder, python_version, wheel, f"django=={django}.*")
    if python:
        shutil.copy(PROJECT, folder)
        run(python, "-W", "error", PROJECT.name, folder=folder)


if __name__ == "__main__":
    wheel, _ = built(sys.argv[1])
    for pair in PAIRS.items():
        with tempfile.TemporaryDirectory() as folder:
            issue(wheel, Path(folder), *pair)
