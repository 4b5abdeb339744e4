"""A new project from ``django-admin startproject`` with the README's changes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _install():
    """Return the Python code of the README's section "Install"."""
    _, section = (CHECKOUT / "README.md").read_text().split("\n## Install\n")
    return BLOCK.findall(section.split("\n## ")[0])


SETTINGS, URLS = _install()


def environment(**variables):
    """Return an environment with this ``python`` and without the tests' settings."""
    ours = ("DJANGO_SETTINGS_MODULE", "LAYER_KEY_ENCRYPTION_KEY")
    return {
        **{name: value for name, value in os.environ.items() if name not in ours},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(CHECKOUT),
        **variables,
    }


def start_project(directory):
    """Create a project named ``messenger``; return the code of its settings and URLs."""
    command = [sys.executable, "-m", "django", "startproject", "messenger", directory]
    subprocess.run(command, check=True, env=environment())
    package = Path(directory) / "messenger"
    return (package / "settings.py").read_text(), (package / "urls.py").read_text()


def add(directory, files):
    """Append code to a project's files; create missing files."""
    for name, code in files.items():
        file = Path(directory, name if "/" in name else f"messenger/{name}")
        with file.open("a") as opened:
            opened.write(f"\n{code}")
