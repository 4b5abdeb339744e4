"""Packages from npm, installed in temporary folders."""

from __future__ import annotations

import shutil
import subprocess

from tests.services.available import skip_or_fail

OPTIONS = ["--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"]


def run(folder, *command):
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )


def install(sources, folder):
    """Copy the sources and install the packages of their ``package.json``."""
    for program, package in (("node", "nodejs"), ("npm", "npm")):
        if not shutil.which(program):
            skip_or_fail(f"{program} is missing: install Debian's package {package}.")
    shutil.copytree(sources, folder, dirs_exist_ok=True)
    fetched = run(folder, "npm", "install", *OPTIONS)
    if fetched.returncode:
        skip_or_fail(f"The npm packages are missing: npm said: {fetched.stderr}")
    return folder
