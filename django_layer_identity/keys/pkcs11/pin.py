"""A PIN that is read when it is needed, and that no variable ever holds."""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

from django_layer_identity.exceptions import CustodyError

_PROCESS_SECRET = secrets.token_bytes(32)


class Pin:
    """
    Where the PIN is: in a file, or in a variable of the environment.

    Django's error pages show the variables of every function, and in ``DEBUG`` hide
    none of them; so the PIN goes from one call straight into the next.
    """

    def __init__(self, *, file: str | None = None, env: str | None = None) -> None:
        self._file, self._env = file, env

    def read(self) -> str:
        """
        Return the PIN, without the line break at its end.

        :raises CustodyError: if it cannot be read, or is empty.
        """
        if not (self._read_env() if self._env else self._read_file()).rstrip("\r\n"):
            raise CustodyError(f"the PIN in {self._place} is empty or not set")
        return (self._read_env() if self._env else self._read_file()).rstrip("\r\n")

    def digest(self) -> bytes:
        """Return what tells in this process, and nowhere else, whether it changed."""
        return hmac.digest(_PROCESS_SECRET, self.read().encode(), "sha256")

    @property
    def _place(self) -> str:
        return f"the variable {self._env!r}" if self._env else f"{self._file!r}"

    def _read_env(self) -> str:
        return os.environ.get(str(self._env), "")

    def _read_file(self) -> str:
        try:
            return Path(str(self._file)).read_text()
        except OSError as exc:
            raise CustodyError(
                f"the PIN file {self._file!r} cannot be read: {exc.strerror}"
            ) from exc
        except UnicodeDecodeError:
            # Its error holds the bytes, and Django's error page shows them.
            raise CustodyError(f"the PIN file {self._file!r} is not text") from None
