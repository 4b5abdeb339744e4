"""The import contracts hold, and each of them detects a violation."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
IGNORED = shutil.ignore_patterns("__pycache__")


@pytest.fixture
def copy(tmp_path):
    package = tmp_path / "django_layer_identity"
    shutil.copytree(ROOT / package.name, package, ignore=IGNORED)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return package


def lint(package):
    command = (
        "from importlinter.cli import lint_imports_command; lint_imports_command()"
    )
    return subprocess.run(
        [sys.executable, "-c", command, "--no-cache"],
        cwd=package.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_contract_holds(copy):
    done = lint(copy)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "planted", "contract"),
    [
        (
            "protocol/claims.py",
            "import django.conf",
            "The protocol does not import Django",
        ),
        (
            "keys/rsa.py",
            "import django_layer_identity.models",
            "Imports run downwards only",
        ),
        (
            "models/user.py",
            "import django_layer_identity.mapping.claims",
            "Imports run downwards only",
        ),
        (
            "nonces.py",
            "import django_layer_identity.ledger",
            "Imports run downwards only",
        ),
        (
            "models/app.py",
            "import django_layer_identity.models.key",
            "There are no circular imports",
        ),
        (
            "keys/rsa.py",
            "def load():\n    import django_layer_identity.keys.signers",
            "There are no circular imports",
        ),
        pytest.param(
            "models/app.py",
            "if TYPE_CHECKING:\n"
            "    from django_layer_identity.models.user import LayerUser",
            "There are no circular imports",
            id="for-typing-only",
        ),
        (
            "sandbox/views.py",
            "import django_layer_identity.api.views",
            "Imports run downwards only",
        ),
        (
            "models/key.py",
            "import jwt",
            "Only keys and protocol import jwt",
        ),
        (
            "issuing.py",
            "import cryptography.fernet",
            "Only keys and protocol import cryptography",
        ),
        ("models/key.py", "import pkcs11", "Only keys imports pkcs11"),
        (
            "issuing.py",
            "import rest_framework.views",
            "Only api and sandbox import rest_framework",
        ),
    ],
)
def test_the_contract_fails_with_a_forbidden_import(copy, module, planted, contract):
    path = copy / module
    text = path.read_text()
    path.write_text(text.replace("annotations\n", f"annotations\n\n{planted}\n", 1))

    done = lint(copy)

    assert done.returncode == 1
    assert f"{contract} BROKEN" in done.stdout
