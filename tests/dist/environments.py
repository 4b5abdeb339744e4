"""Clean virtual environments outside the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

#: Without the variables of tox, which would let the checkout's packages be imported.
ENVIRONMENT = {
    **{name: os.environ[name] for name in os.environ if not name.startswith("PYTHON")},
    "UV_PYTHON_DOWNLOADS": "never",
}


def run(*command: str | Path, folder: Path, **variables: str) -> None:
    environment = {**ENVIRONMENT, **variables}
    subprocess.run(command, cwd=folder, check=True, env=environment)


def create(folder: Path, version: str, *packages: str | Path) -> Path | None:
    """
    Install packages in a new environment; return its Python.

    Return None if the machine does not have this version of Python and need not have it.
    """
    uv = shutil.which("uv") or "uv"
    find = [uv, "python", "find", "--no-project", "--system", version]
    if subprocess.run(find, env=ENVIRONMENT, capture_output=True).returncode:
        return _missing(version)
    python = folder / "env" / "bin" / "python"
    run(uv, "venv", "--quiet", "--python", version, folder / "env", folder=folder)
    install = (uv, "pip", "install", "--quiet", "--python", python)
    run(*install, *packages, folder=folder)
    return python


def _missing(version: str) -> None:
    if os.environ.get("REQUIRE_SERVICES") == "1":
        sys.exit(f"Python {version} is missing.")
    sys.stdout.write(f"skipped: Python {version} is missing\n")
