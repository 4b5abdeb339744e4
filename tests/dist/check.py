"""Check which files are in the wheel and in the source distribution."""

from __future__ import annotations

import sys
import tarfile
from pathlib import Path
from zipfile import ZipFile

NEEDED = {
    "django_layer_identity/py.typed",
    "django_layer_identity/migrations/0001_initial.py",
    "django_layer_identity/templates/",
    "django_layer_identity/sandbox/urls.py",
    "django_layer_identity/audit/migrations/0001_initial.py",
    "django_layer_identity/keys/public_test_key.pem",
}
TOPS = {
    *(".editorconfig", ".github", ".gitignore", ".pre-commit-config.yaml"),
    *(".readthedocs.yaml", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile"),
    *("PKG-INFO", "README.md", "RELEASING.md", "SECURITY.md", "django_layer_identity"),
    *("docs", "example_project", "hatch_build.py", "pyproject.toml", "tests", "tox.ini"),
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
    assert tops == TOPS, tops ^ TOPS


def built(folder: str) -> tuple[Path, Path]:
    """Return the wheel and the source distribution in the folder."""
    [wheel], [sdist] = (list(Path(folder).glob(end)) for end in ("*.whl", "*.tar.gz"))
    return wheel, sdist


if __name__ == "__main__":
    wheel, sdist = built(sys.argv[1])
    check_wheel(wheel)
    check_sdist(sdist)
    sys.stdout.write("The wheel and the source distribution have the right files.\n")
