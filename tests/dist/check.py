"""Install the wheel in a clean environment, and check the files and a project."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path
from zipfile import ZipFile

PROJECT = """
SECRET_KEY = "x"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "django_layer_identity",
    "django_layer_identity.sandbox",
    "django_layer_identity.audit",
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db"}}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
"""
NEEDED = {
    "django_layer_identity/py.typed",
    "django_layer_identity/migrations/0001_initial.py",
    "django_layer_identity/templates/",
    "django_layer_identity/sandbox/urls.py",
    "django_layer_identity/audit/migrations/0001_initial.py",
}


def check_wheel(wheel: Path) -> None:
    names = ZipFile(wheel).namelist()
    missing = [need for need in NEEDED if not any(n.startswith(need) for n in names)]
    unexpected = [
        name
        for name in names
        if not name.startswith(("django_layer_identity/", "django_layer_identity-"))
    ]
    assert (missing, unexpected) == ([], []), (missing, unexpected)


def check_sdist(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        tops = {name.split("/")[1] for name in archive.getnames() if "/" in name}
    assert tops == {
        *("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "PKG-INFO"),
        *("README.md", "SECURITY.md", "django_layer_identity", "docs"),
        *("example_project", "pyproject.toml", "tests", "tox.ini", ".gitignore"),
    }, tops


def check_installed(wheel: Path, folder: Path) -> None:
    venv.create(folder / "env", with_pip=True)
    python = folder / "env" / "bin" / "python"
    (folder / "project_settings.py").write_text(PROJECT)
    manage = [python, "-m", "django"]
    commands = [
        [python, "-m", "pip", "install", "--quiet", wheel],
        [*manage, "check", "--fail-level", "WARNING"],
        [*manage, "makemigrations", "--check", "--dry-run"],
        [*manage, "migrate", "--verbosity", "0"],
    ]
    environment = {"DJANGO_SETTINGS_MODULE": "project_settings", "PYTHONPATH": "."}
    for command in commands:
        subprocess.run(
            command, cwd=folder, check=True, env={**os.environ, **environment}
        )


if __name__ == "__main__":
    [wheel], [sdist] = (
        list(Path(sys.argv[1]).glob(pattern)) for pattern in ("*.whl", "*.tar.gz")
    )
    check_wheel(wheel)
    check_sdist(sdist)
    with tempfile.TemporaryDirectory() as folder:
        check_installed(wheel, Path(folder))
    sys.stdout.write(f"{wheel.name}: installed, checked and migrated\n")
