"""A PIN that is read when it is needed, and that no variable ever holds."""

from __future__ import annotations

import hmac
import logging
import os
from pathlib import Path

from django.core.cache import caches
from django.utils.crypto import salted_hmac

from django_layer_identity.conf import conf
from django_layer_identity.exceptions import CustodyError

logger = logging.getLogger("django_layer_identity")

_refused: set[str] = set()  # marks of PINs that this process knows to be refused


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
        if not self._read().rstrip("\r\n"):
            raise CustodyError(f"the PIN in {self._place} is empty or not set")
        return self._read().rstrip("\r\n")

    def mark(self, *token: str) -> str:
        """
        Return what this PIN for a token is recognised by, without showing the PIN.

        A line break at its end counts, so an operator can have a PIN sent once more.
        """
        salt = "django_layer_identity.refused_pin"
        key = salted_hmac(salt, repr(token), algorithm="sha256").digest()
        return hmac.digest(key, self._read().encode(), "sha256").hex()

    @property
    def _place(self) -> str:
        return f"the variable {self._env!r}" if self._env else f"{self._file!r}"

    def _read(self) -> str:
        return self._read_env() if self._env else self._read_file()

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


def refuse(mark: str) -> None:
    """Have the PIN of that mark sent by no process any more."""
    _refused.add(mark)
    try:
        caches[conf.NONCE_CACHE_ALIAS].set(_cache_key(mark), True, timeout=None)
    except Exception:  # a cache may raise anything
        logger.exception("Other processes do not learn that a PIN was refused.")


def is_refused(mark: str) -> bool:
    """Return whether a process was refused the PIN, as far as this one can know."""
    try:
        if mark not in _refused and caches[conf.NONCE_CACHE_ALIAS].get(
            _cache_key(mark)
        ):
            _refused.add(mark)
    except Exception:  # a cache may raise anything
        logger.exception("Whether a PIN was refused in other processes is unknown.")
    return mark in _refused


def _cache_key(mark: str) -> str:
    return f"layer_identity:refused_pin:{mark}"
