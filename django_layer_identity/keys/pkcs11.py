"""
A signing backend for keys in a PKCS#11 token.

python-pkcs11 tells a module that one thread uses it (``C_Initialize`` with a null
pointer), so one call at a time goes to a module: calls take turns.
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

#: What a token says of a PIN that is not to be sent again.
PIN_REFUSALS = {
    **dict.fromkeys(
        (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange), "refused the PIN"
    ),
    pkcs11.PinLocked: "has locked its PIN",
    pkcs11.PinExpired: "says that the PIN has expired",
}
#: What a token says of itself where no PIN is sent to it, be it the right one or not.
NO_PIN_NOW = {
    TokenFlag.USER_PIN_LOCKED: "has locked its PIN",
    TokenFlag.USER_PIN_FINAL_TRY: (
        "locks its PIN at the next wrong one, so none is sent until another program has "
        "logged in to it"
    ),
}
ERRORS = {
    pkcs11.NoSuchToken: "is not there",
    pkcs11.MultipleTokensReturned: "is there more than once",
    **PIN_REFUSALS,
}

T = TypeVar("T")
#: What a key is looked for with: the token's label, and attributes of the object.
KeySelector = tuple[str, tuple[tuple[Attribute, Any], ...]]

logger = logging.getLogger("django_layer_identity")


class PKCS11Backend:
    """
    A private key in a token, found by the token's label and its own label, ID or both.

    ``OPTIONS``: ``MODULE`` (path of the token's library), ``TOKEN_LABEL``,
    ``KEY_LABEL``, ``KEY_ID`` (hex digits), and ``PIN_FILE`` or ``PIN_ENV``: the PIN
    itself is no option.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        _check(options)
        self._path = os.fspath(options["MODULE"])
        self._selector = _read_selector(options)
        self._pin = Pin(file=options.get("PIN_FILE"), env=options.get("PIN_ENV"))

    @property
    def slots(self) -> CallSlots:
        """One call at a time goes to a module, whichever of its keys it is for."""
        return module_at(self._path).slots

    def public_key(self) -> str:
        """
        Return the public half, as the private key object has it.

        :raises SigningBackendError: if the key cannot be reached.
        """
        return public_pem(*self._use_key(_public_numbers))

    def sign(self, message: bytes) -> bytes:
        """
        Let the token sign.

        :raises SigningBackendError: if the key cannot be reached, or does not sign.
        """
        mechanism = Mechanism.SHA256_RSA_PKCS
        return bytes(self._use_key(lambda key: key.sign(message, mechanism=mechanism)))

    @hide_locals  # the PIN is in a variable on the way to the token
    def _use_key(self, use: Callable[[Any], T]) -> T:
        try:
            return self._try_twice(module_at(self._path), use)
        except PKCS11Error as exc:
            token_label, _ = self._selector
            words = ERRORS.get(type(exc), f"does not work: {_describe(exc)}")
            raise SigningBackendError(_say(token_label, words)) from exc

    def _try_twice(self, module: Module, use: Callable[[Any], T]) -> T:
        """Find a key that was found before once more if it fails: it may be stale."""
        was_cached = module.is_cached(self._selector)
        try:
            return use(module.find_key(self._selector, self._pin))
        except PKCS11Error as exc:
            refused = type(exc) in PIN_REFUSALS
            if refused:
                module.refuse_pin(self._selector[0])
            module.reset()
            if refused or not was_cached:
                raise
        return self._try_twice(module, use)


def _check(options: Mapping[str, Any]) -> None:
    for name, value in options.items():
        if name not in OPTIONS:
            raise ConfigurationError(
                f"OPTIONS has {name!r}, and known are {', '.join(OPTIONS)}."
            )
        if not isinstance(value, (str, os.PathLike)):
            raise ConfigurationError(f"{name} must be text.")
    for name in REQUIRED:
        if not options.get(name):
            raise ConfigurationError(f"OPTIONS lacks {name}.")
    if not (options.get("KEY_LABEL") or options.get("KEY_ID")):
        raise ConfigurationError("OPTIONS lacks KEY_LABEL or KEY_ID.")
    if bool(options.get("PIN_FILE")) == bool(options.get("PIN_ENV")):
        raise ConfigurationError("OPTIONS needs either PIN_FILE or PIN_ENV.")


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
    """A library that speaks PKCS#11, and what was found in it so far."""

    def __init__(self, path: str, *, needs_reinit: bool) -> None:
        self.path = path
        self.slots = CallSlots(1)
        self._needs_reinit = needs_reinit
        self._sessions: dict[str, Any] = {}  # by the token's label
        self._keys: dict[KeySelector, Any] = {}
        self._sent: dict[str, str] = {}  # marks of PINs, by the token's label

    def is_cached(self, selector: KeySelector) -> bool:
        """Return whether the key was found before; it may be gone by now."""
        return selector in self._keys

    def find_key(self, selector: KeySelector, pin: Pin) -> Any:
        """
        Return the key; log in to its token if need be.

        :raises SigningBackendError: if the module cannot be loaded, the PIN not be read, or
            there is not exactly one such key.
        :raises PKCS11Error: whatever the module says.
        """
        if selector not in self._keys:
            token_label, attributes = selector
            session = self._session(token_label, pin)
            # To its end: a search left open would be closed at some time, in whichever
            # thread collects the garbage.
            found = list(session.get_objects(dict(attributes)))
            if len(found) != 1:
                raise SigningBackendError(_not_one_key(selector, len(found)))
            self._keys[selector] = found[0]
        return self._keys[selector]

    def reset(self) -> None:
        """Begin anew at the next call: a token that was away has other handles."""
        self._sessions.clear()
        self._keys.clear()
        self._needs_reinit = True

    def refuse_pin(self, token_label: str) -> None:
        """Have the PIN that was meant for the token last not be sent again."""
        _refuse(self._sent[token_label])

    def _session(self, token_label: str, pin: Pin) -> Any:
        if token_label not in self._sessions:
            # A token locks itself after a few wrong PINs: none is sent to it twice.
            mark = self._sent[token_label] = pin.mark(self.path, token_label)
            if _is_refused(mark):
                words = "refused the PIN, which is not sent again until it has changed"
                raise SigningBackendError(_say(token_label, words))
            token = self._load().get_token(token_label=token_label)
            self._sessions[token_label] = self._log_in(token, pin)
        return self._sessions[token_label]

    def _load(self) -> Any:
        try:
            library = pkcs11.lib(self.path)
        except PKCS11Error as exc:
            raise SigningBackendError(
                f"the module {self.path!r} cannot be loaded: {_describe(exc)}"
            ) from exc
        # It is never unloaded. At its end Python would take it away from a thread that is
        # in it, and the process would crash.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(library))
        if self._needs_reinit:
            self._finalize(library)
            library.initialize()
            self._needs_reinit = False
        return library

    def _finalize(self, library: Any) -> None:
        # Only here does python-pkcs11 let no other thread run, and a module that hangs
        # would stop them all. So it is called directly, and finds nothing to do then.
        with suppress(OSError, AttributeError):  # no module needs to export it
            ctypes.CDLL(self.path).C_Finalize(None)
        with suppress(PKCS11Error):
            library.finalize()

    def _log_in(self, token: Any, pin: Pin) -> Any:
        for flag, words in NO_PIN_NOW.items():
            if token.flags & flag:
                raise SigningBackendError(_say(token.label, words))
        try:
            return token.open(user_pin=pin.read())
        except pkcs11.UserAlreadyLoggedIn:  # other code in this process
            return token.open()


_modules: dict[tuple[str, int], Module] = {}


def module_at(path: str) -> Module:
    """Return the module of this process: no session survives a fork (PKCS#11, 6.6)."""
    process = os.getpid()
    inherited = any(at == path and by != process for at, by in list(_modules))
    return _modules.setdefault((path, process), Module(path, needs_reinit=inherited))


@dataclass(frozen=True)
class Pin:
    """Where the PIN is: in a file, or in a variable of the environment."""

    file: str | None = None
    env: str | None = None

    def read(self) -> str:
        """
        Return the PIN, without the line break at its end.

        :raises SigningBackendError: if it cannot be read, or is empty.
        """
        pin = self._read().rstrip("\r\n")
        if not pin:
            place = f"the variable {self.env!r}" if self.env else f"{self.file!r}"
            raise SigningBackendError(f"the PIN in {place} is empty or not set")
        return pin

    def mark(self, *token: str) -> str:
        """
        Return what this PIN for a token is recognised by, without showing the PIN.

        A line break at its end counts, so an operator can have a PIN sent once more.
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
            # Its error holds the bytes, and Django's error page shows them.
            raise SigningBackendError(
                f"the PIN file {self.file!r} is not text"
            ) from None


_refused: set[str] = set()  # marks of PINs that this process knows to be refused


def _refuse(mark: str) -> None:
    """Have the PIN of that mark sent by no process any more."""
    _refused.add(mark)
    try:
        caches[conf.CACHE_ALIAS].set(_cache_key(mark), True, timeout=None)
    except Exception:  # a cache may raise anything
        logger.exception("Other processes do not learn that a PIN was refused.")


def _is_refused(mark: str) -> bool:
    """Return whether a process was refused the PIN, as far as this one can know."""
    try:
        if mark not in _refused and caches[conf.CACHE_ALIAS].get(_cache_key(mark)):
            _refused.add(mark)
    except Exception:  # a cache may raise anything
        logger.exception("Whether a PIN was refused in other processes is unknown.")
    return mark in _refused


def _cache_key(mark: str) -> str:
    return f"layer_identity:refused_pin:{mark}"


def _not_one_key(selector: KeySelector, count: int) -> str:
    token_label, attributes = selector
    named = dict(attributes)
    label, key_id = named.get(Attribute.LABEL), named.get(Attribute.ID)
    parts = [f"the label {label!r}"] if label else []
    parts += [f"the ID {key_id.hex()!r}"] if key_id else []
    has = "has more than one" if count else "has no"
    return _say(token_label, f"{has} private RSA key with {' and '.join(parts)}")


def _say(token_label: str, words: str) -> str:
    return f"the token labelled {token_label!r} {words}"


def _describe(exc: PKCS11Error) -> str:
    return f"{type(exc).__name__} {exc}".rstrip()
