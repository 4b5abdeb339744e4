"""
A signing backend for keys in a PKCS#11 token.

python-pkcs11 tells each module that only one thread uses it (``C_Initialize`` with a
null pointer). So the backend makes only one call at a time to a module.
"""

from __future__ import annotations

import ctypes
import hmac
import logging
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pkcs11
from django.core.cache import caches
from django.utils.crypto import salted_hmac
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass, PKCS11Error, TokenFlag

from django_layer_identity.conf import conf
from django_layer_identity.exceptions import ConfigurationError, SigningBackendError
from django_layer_identity.keys.backends import CallSlots
from django_layer_identity.keys.rsa import public_pem
from django_layer_identity.keys.secrets import hide_locals

REQUIRED = ("MODULE", "TOKEN_LABEL")
OPTIONS = (*REQUIRED, "KEY_LABEL", "KEY_ID", "PIN_FILE", "PIN_ENV")

#: Errors after which the same PIN must not be sent again.
PIN_REFUSALS = {
    **dict.fromkeys(
        (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange), "refused the PIN"
    ),
    pkcs11.PinLocked: "has locked its PIN",
    pkcs11.PinExpired: "says that the PIN has expired",
}
#: Token flags that stop the backend from sending any PIN, right or wrong.
BLOCKING_FLAGS = {
    TokenFlag.USER_PIN_LOCKED: "has locked its PIN",
    TokenFlag.USER_PIN_FINAL_TRY: (
        "locks its PIN after one more wrong PIN, so no PIN is sent until another "
        "program has logged in to the token"
    ),
}
ERRORS = {
    pkcs11.NoSuchToken: "was not found",
    pkcs11.MultipleTokensReturned: "was found more than once",
    **PIN_REFUSALS,
}

T = TypeVar("T")
#: What finds a key: the token's label, and attributes of the key object.
KeySelector = tuple[str, tuple[tuple[Attribute, Any], ...]]

logger = logging.getLogger("django_layer_identity")


class PKCS11Backend:
    """
    Sign with a private key in a PKCS#11 token.

    ``OPTIONS``: ``MODULE`` (path of the token's library), ``TOKEN_LABEL``,
    ``KEY_LABEL`` and ``KEY_ID`` (hex digits; one of the two or both), and ``PIN_FILE``
    or ``PIN_ENV``. The PIN itself cannot be an option.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        _check_options(options)
        self._path = os.fspath(options["MODULE"])
        self._selector = _read_selector(options)
        self._pin = Pin(file=options.get("PIN_FILE"), env=options.get("PIN_ENV"))

    @property
    def slots(self) -> CallSlots:
        """The slot of the module, which all its keys share."""
        return module_at(self._path).slots

    def public_key(self) -> str:
        """
        Return the public key, taken from the private key object.

        :raises SigningBackendError: if the key cannot be reached.
        """
        return public_pem(*self._use_key(_public_numbers))

    def sign(self, message: bytes) -> bytes:
        """
        Sign the message in the token.

        :raises SigningBackendError: if the key cannot be reached or cannot sign.
        """
        mechanism = Mechanism.SHA256_RSA_PKCS
        return bytes(self._use_key(lambda key: key.sign(message, mechanism=mechanism)))

    @hide_locals  # local variables hold the PIN
    def _use_key(self, use: Callable[[Any], T]) -> T:
        try:
            return self._try_twice(module_at(self._path), use)
        except PKCS11Error as exc:
            token_label, _ = self._selector
            problem = ERRORS.get(type(exc), f"failed: {_error_text(exc)}")
            raise SigningBackendError(_about_token(token_label, problem)) from exc

    def _try_twice(self, module: Module, use: Callable[[Any], T]) -> T:
        """Use the key. If a cached key fails, find the key again and retry once."""
        was_cached = module.is_cached(self._selector)
        try:
            return use(module.find_key(self._selector, self._pin))
        except PKCS11Error as exc:
            is_refusal = type(exc) in PIN_REFUSALS
            if is_refusal:
                module.mark_pin_refused(self._selector[0])
            module.reset()
            if is_refusal or not was_cached:
                raise
        return self._try_twice(module, use)


def _check_options(options: Mapping[str, Any]) -> None:
    for name, value in options.items():
        if name not in OPTIONS:
            raise ConfigurationError(
                f"OPTIONS has the unknown option {name!r}. The options are "
                f"{', '.join(OPTIONS)}."
            )
        if not isinstance(value, (str, os.PathLike)):
            raise ConfigurationError(f"{name} must be a string or a path.")
    for name in REQUIRED:
        if not options.get(name):
            raise ConfigurationError(f"OPTIONS lacks {name}.")
    if not (options.get("KEY_LABEL") or options.get("KEY_ID")):
        raise ConfigurationError("OPTIONS needs KEY_LABEL, KEY_ID or both.")
    if bool(options.get("PIN_FILE")) == bool(options.get("PIN_ENV")):
        raise ConfigurationError("OPTIONS needs either PIN_FILE or PIN_ENV, not both.")


def _read_selector(options: Mapping[str, Any]) -> KeySelector:
    try:
        key_id = bytes.fromhex(options.get("KEY_ID", ""))
    except (TypeError, ValueError) as exc:
        raise ConfigurationError("KEY_ID must be hex digits.") from exc
    attributes = {
        Attribute.CLASS: ObjectClass.PRIVATE_KEY,
        Attribute.KEY_TYPE: KeyType.RSA,
        Attribute.LABEL: options.get("KEY_LABEL"),
        Attribute.ID: key_id,
    }
    given = (item for item in attributes.items() if item[1] not in (None, "", b""))
    return options["TOKEN_LABEL"], tuple(given)


def _public_numbers(key: Any) -> tuple[int, int]:
    modulus, exponent = key[Attribute.MODULUS], key[Attribute.PUBLIC_EXPONENT]
    return int.from_bytes(modulus, "big"), int.from_bytes(exponent, "big")


class Module:
    """A PKCS#11 library, with its sessions and the keys found so far."""

    def __init__(self, path: str, *, needs_reinit: bool) -> None:
        self.path = path
        self.slots = CallSlots(1)
        self._needs_reinit = needs_reinit
        self._sessions: dict[str, Any] = {}  # by the token's label
        self._keys: dict[KeySelector, Any] = {}
        self._pin_digests: dict[str, str] = {}  # of the last PIN, by the token's label

    def is_cached(self, selector: KeySelector) -> bool:
        """Return whether the key was found before. It may be stale."""
        return selector in self._keys

    def find_key(self, selector: KeySelector, pin: Pin) -> Any:
        """
        Return the key. Log in to its token first if necessary.

        :raises SigningBackendError: if the module cannot be loaded, the PIN cannot be
            read, or not exactly one key matches.
        :raises PKCS11Error: if the module reports an error.
        """
        if selector not in self._keys:
            token_label, attributes = selector
            session = self._session(token_label, pin)
            # Read all results: the garbage collector would close an unfinished search
            # later, in any thread.
            found = list(session.get_objects(dict(attributes)))
            if len(found) != 1:
                raise SigningBackendError(_not_one_key(selector, len(found)))
            self._keys[selector] = found[0]
        return self._keys[selector]

    def reset(self) -> None:
        """
        Forget the sessions and keys, so that the next call opens new sessions.

        After a token was reconnected, its old handles are invalid.
        """
        self._sessions.clear()
        self._keys.clear()
        self._needs_reinit = True

    def mark_pin_refused(self, token_label: str) -> None:
        """Prevent the token's last PIN from being sent again."""
        _mark_refused(self._pin_digests[token_label])

    def _session(self, token_label: str, pin: Pin) -> Any:
        if token_label not in self._sessions:
            # A token locks itself after a few wrong PINs, so a wrong PIN is never sent
            # twice.
            digest = self._pin_digests[token_label] = pin.digest(self.path, token_label)
            if _is_refused(digest):
                problem = "refused the PIN, which is not sent again until it changes"
                raise SigningBackendError(_about_token(token_label, problem))
            token = self._load().get_token(token_label=token_label)
            self._sessions[token_label] = self._log_in(token, pin)
        return self._sessions[token_label]

    def _load(self) -> Any:
        try:
            library = pkcs11.lib(self.path)
        except PKCS11Error as exc:
            raise SigningBackendError(
                f"the module {self.path!r} cannot be loaded: {_error_text(exc)}"
            ) from exc
        # Never unload the library: when Python exits, a thread may still run its code,
        # and the process would crash.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(library))
        if self._needs_reinit:
            self._finalize(library)
            library.initialize()
            self._needs_reinit = False
        return library

    def _finalize(self, library: Any) -> None:
        # In library.finalize(), unlike in its other calls, python-pkcs11 holds the GIL.
        # A module that hangs there would stop all threads. So call C_Finalize through
        # ctypes first: library.finalize() then has nothing to do.
        with suppress(OSError, AttributeError):  # modules need not export C_Finalize
            ctypes.CDLL(self.path).C_Finalize(None)
        with suppress(PKCS11Error):
            library.finalize()

    def _log_in(self, token: Any, pin: Pin) -> Any:
        for flag, problem in BLOCKING_FLAGS.items():
            if token.flags & flag:
                raise SigningBackendError(_about_token(token.label, problem))
        try:
            return token.open(user_pin=pin.read())
        except pkcs11.UserAlreadyLoggedIn:  # by other code in this process
            return token.open()


_modules: dict[tuple[str, int], Module] = {}


def module_at(path: str) -> Module:
    """Return this process's module: sessions do not survive a fork (PKCS#11, 6.6)."""
    process = os.getpid()
    inherited = any(
        known_path == path and owner != process for known_path, owner in list(_modules)
    )
    return _modules.setdefault((path, process), Module(path, needs_reinit=inherited))


@dataclass(frozen=True)
class Pin:
    """The place of the PIN: a file or an environment variable."""

    file: str | None = None
    env: str | None = None

    def read(self) -> str:
        """
        Return the PIN without the white space around it.

        :raises SigningBackendError: if the PIN cannot be read or is empty.
        """
        pin = self._read().strip()
        if not pin:
            if self.env:
                raise SigningBackendError(
                    f"the environment variable {self.env!r} with the PIN is empty or "
                    "not set"
                )
            raise SigningBackendError(f"the PIN file {self.file!r} is empty")
        return pin

    def digest(self, *token: str) -> str:
        """
        Return a keyed digest of this PIN for a token.

        A line break at the end of the PIN changes the digest. So an operator can add
        one to have the same PIN sent once more.
        """
        salt = "django_layer_identity.refused_pin"
        key = salted_hmac(salt, repr(token), algorithm="sha256").digest()
        return hmac.digest(key, self._read().encode(), "sha256").hex()

    def _read(self) -> str:
        if self.env:
            return os.environ.get(self.env, "")
        try:
            return Path(str(self.file)).read_text()
        except OSError as exc:
            raise SigningBackendError(
                f"the PIN file {self.file!r} cannot be read: {exc.strerror}"
            ) from exc
        except UnicodeDecodeError:
            # The original error holds the bytes, and Django's error page shows them.
            raise SigningBackendError(
                f"the PIN file {self.file!r} is not text"
            ) from None


_refused: set[str] = set()  # digests of PINs that this process knows to be refused


def _mark_refused(digest: str) -> None:
    """Prevent all processes from sending the PIN with this digest again."""
    _refused.add(digest)
    try:
        caches[conf.CACHE_ALIAS].set(_cache_key(digest), True, timeout=None)
    except Exception:  # a cache may raise anything
        logger.exception(
            "A token refused the PIN, but the cache failed. Other processes may send "
            "the same PIN once."
        )


def _is_refused(digest: str) -> bool:
    """Return whether a token refused this PIN, here or in a process with this cache."""
    try:
        if digest not in _refused and caches[conf.CACHE_ALIAS].get(_cache_key(digest)):
            _refused.add(digest)
    except Exception:  # a cache may raise anything
        logger.exception(
            "The cache failed, so this process cannot see whether the token refused "
            "the same PIN in another process."
        )
    return digest in _refused


def _cache_key(digest: str) -> str:
    return f"layer_identity:refused_pin:{digest}"


def _not_one_key(selector: KeySelector, count: int) -> str:
    token_label, attributes = selector
    named = dict(attributes)
    label, key_id = named.get(Attribute.LABEL), named.get(Attribute.ID)
    parts = [f"the label {label!r}"] if label else []
    parts += [f"the ID {key_id.hex()!r}"] if key_id else []
    has = "has more than one" if count else "has no"
    problem = f"{has} private RSA key with {' and '.join(parts)}"
    return _about_token(token_label, problem)


def _about_token(token_label: str, problem: str) -> str:
    return f"the token labelled {token_label!r} {problem}"


def _error_text(exc: PKCS11Error) -> str:
    return f"{type(exc).__name__} {exc}".rstrip()
