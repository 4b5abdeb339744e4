"""A project as ``django-admin startproject`` writes it, and what the README adds to it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _install():
    """Return the code blocks of the README's section on installation, by language."""
    _, section = (CHECKOUT / "README.md").read_text().split("\n## Install\n")
    blocks = BLOCK.findall(section.split("\n## ")[0])
    return {
        language: [code for found, code in blocks if found == language]
        for language in ("python", "console")
    }


INSTALL = _install()
SETTINGS, URLS = INSTALL["python"]


def environment(**variables):
    """Return an environment in which ``python`` is this one, without our settings."""
    ours = ("DJANGO_SETTINGS_MODULE", "LAYER_KEY_ENCRYPTION_KEY")
    return {
        **{name: value for name, value in os.environ.items() if name not in ours},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(CHECKOUT),
        **variables,
    }


def start_project(directory):
    """Make a project named ``messenger``; return what its settings and URLs are."""
    command = [sys.executable, "-m", "django", "startproject", "messenger", directory]
    subprocess.run(command, check=True, env=environment())
    package = Path(directory) / "messenger"
    return (package / "settings.py").read_text(), (package / "urls.py").read_text()


def add(directory, files):
    """Add code to a project's files; files that it lacks are made."""
    for name, code in files.items():
        file = Path(directory, name if "/" in name else f"messenger/{name}")
        with file.open("a") as opened:
            opened.write(f"\n{code}")
