"""The README's installation, run exactly as written in a new project."""

from __future__ import annotations

import subprocess

from tests.fresh import INSTALL, SETTINGS, URLS, add, environment, start_project


def run(project, console):
    """Run the lines of a console block in a new shell."""
    lines = [line.removeprefix("$ ") for line in console.splitlines()]
    subprocess.run(
        ["sh", "-e", "-c", "\n".join(lines)], cwd=project, env=environment(), check=True
    )


def test_the_installation_stores_the_encryption_secret(tmp_path):
    start_project(tmp_path)
    add(tmp_path, {"settings.py": SETTINGS, "urls.py": URLS})
    _, generate, load = INSTALL["console"]

    run(tmp_path, generate)
    run(tmp_path, load)  # another shell, so the secret comes from the file

    stored = tmp_path / ".env"
    assert oct(stored.stat().st_mode) == "0o100600"
    name, _, secret = stored.read_text().partition("=")
    assert (name, len(secret)) == ("LAYER_KEY_ENCRYPTION_KEY", 44)
