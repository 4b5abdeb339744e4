"""The demo's secrets: created at the first run, in a file that only its owner can read."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

from django.core.files import locks

ACCOUNTS = ("alice", "bob", "admin")


class Secrets(TypedDict):
    """The contents of the file."""

    secret_key: str
    encryption_key: str
    passwords: dict[str, str]


def data_directory() -> Path:
    """Return the folder of the secrets and the database; ``DEMO_DATA_DIR`` changes it."""
    default = Path(__file__).parent.parent / ".data"
    return Path(os.environ.get("DEMO_DATA_DIR") or default).resolve()


def secrets_path() -> Path:
    return data_directory() / "secrets.json"


def database_path() -> Path:
    return data_directory() / "db.sqlite3"


def read() -> Secrets:
    """
    Read the secrets of this installation.

    :raises FileNotFoundError: before ``manage.py`` has run for the first time.
    """
    stored: Secrets = json.loads(secrets_path().read_text(encoding="utf-8"))
    return stored


def create_if_missing() -> None:
    """
    Write new secrets unless the file exists.

    :raises SystemExit: if a database exists, but its secrets are missing.
    """
    # In this order: another process may create both now, the secrets first.
    database_exists = database_path().exists()
    if secrets_path().exists():
        return
    if database_exists:
        raise SystemExit(
            f"{secrets_path()} is missing, so the database in the same folder cannot be"
            f" used. Delete {data_directory()} to start again."
        )
    data_directory().mkdir(mode=0o700, parents=True, exist_ok=True)
    _write_once(secrets_path(), json.dumps(_generate(), indent=2))


@contextmanager
def lock() -> Iterator[None]:
    """Wait until no other process holds this lock, then hold it."""
    with (data_directory() / "lock").open("w") as file:
        locks.lock(file, locks.LOCK_EX)
        yield


def _generate() -> Secrets:
    return {
        "secret_key": secrets.token_urlsafe(50),
        "encryption_key": secrets.token_urlsafe(32),
        "passwords": {name: secrets.token_hex(8) for name in ACCOUNTS},
    }


def _write_once(path: Path, text: str) -> None:
    """Create the complete file in one step, unless another process created it first."""
    draft = path.with_suffix(f".{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        path.hardlink_to(draft)
    except FileExistsError:
        pass  # another process was faster: use its secrets
    finally:
        draft.unlink()
