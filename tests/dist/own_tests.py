"""Run some of the fast tests of the unpacked source distribution; CI runs all of them."""

from __future__ import annotations

import sys
import tarfile
import tempfile
from pathlib import Path

from check import built
from environments import create, run

TESTS = ("tests/protocol", "tests/packaging", "tests/api/test_view.py")


def main(sdist: Path, folder: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    [source] = folder.iterdir()
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    group = f"{source / 'pyproject.toml'}:test"
    python = create(folder, version, source, "--group", group)
    assert python, "this Python was not found"
    run(python, "-m", "pytest", "-q", "--nomigrations", *TESTS, folder=source)


if __name__ == "__main__":
    _, sdist = built(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        main(sdist, Path(folder))
