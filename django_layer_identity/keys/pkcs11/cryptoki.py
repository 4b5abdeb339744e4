"""
PKCS#11 modules of this process, and the sessions that are open in them.

python-pkcs11 tells a module that one thread uses it (``C_Initialize`` with a null
pointer), so one call at a time goes to a module: calls take turns.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from typing import Any

import pkcs11
from pkcs11 import Attribute, PKCS11Error, TokenFlag

from django_layer_identity.exceptions import CustodyError
from django_layer_identity.keys.pkcs11.pin import Pin, is_refused, refuse
from django_layer_identity.keys.remote import Turns

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

#: What a key is looked for with: the token's label, and attributes of the object.
Name = tuple[str, tuple[tuple[Attribute, Any], ...]]


class Module:
    """A library that speaks PKCS#11, and what was found in it so far."""

    def __init__(self, path: str, *, stale: bool) -> None:
        self.path = path
        self.turns = Turns(1)
        self._stale = stale
        self._sessions: dict[str, Any] = {}  # by the token's label
        self._keys: dict[Name, Any] = {}
        self._sent: dict[str, str] = {}  # marks of PINs, by the token's label

    def has_found(self, name: Name) -> bool:
        """Tell whether the key was found before, and may be gone by now."""
        return name in self._keys

    def find_key(self, name: Name, pin: Pin) -> Any:
        """
        Return the key; log in to its token if need be.

        :raises CustodyError: if the module cannot be loaded, the PIN not be read, or
            there is not exactly one such key.
        :raises PKCS11Error: whatever the module says.
        """
        if name not in self._keys:
            token_label, attributes = name
            session = self._session(token_label, pin)
            # To its end: a search left open would be closed at some time, in whichever
            # thread collects the garbage.
            found = list(session.get_objects(dict(attributes)))
            if len(found) != 1:
                raise CustodyError(_describe(name, len(found)))
            self._keys[name] = found[0]
        return self._keys[name]

    def give_up(self) -> None:
        """Begin anew at the next call: a token that was away has other handles."""
        self._sessions.clear()
        self._keys.clear()
        self._stale = True

    def refuse_pin(self, token_label: str) -> None:
        """Have the PIN that was meant for the token last not be sent again."""
        refuse(self._sent[token_label])

    def _session(self, token_label: str, pin: Pin) -> Any:
        if token_label not in self._sessions:
            # A token locks itself after a few wrong PINs: none is sent to it twice.
            mark = self._sent[token_label] = pin.mark(self.path, token_label)
            if is_refused(mark):
                words = "refused the PIN, which is not sent again until it has changed"
                raise CustodyError(_say(token_label, words))
            token = self._load().get_token(token_label=token_label)
            self._sessions[token_label] = self._log_in(token, pin)
        return self._sessions[token_label]

    def _load(self) -> Any:
        try:
            library = pkcs11.lib(self.path)
        except PKCS11Error as exc:
            raise CustodyError(
                f"the module {self.path!r} cannot be loaded: {_words(exc)}"
            ) from exc
        # It is never unloaded. At its end Python would take it away from a thread that is
        # in it, and the process would crash.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(library))
        if self._stale:
            self._finalize(library)
            library.initialize()
            self._stale = False
        return library

    def _finalize(self, library: Any) -> None:
        # Here alone python-pkcs11 lets no other thread run, and a module that hangs would
        # stop them all. So it is called directly, and finds nothing to do after that.
        with suppress(OSError, AttributeError):  # no module needs to export it
            ctypes.CDLL(self.path).C_Finalize(None)
        with suppress(PKCS11Error):
            library.finalize()

    def _log_in(self, token: Any, pin: Pin) -> Any:
        for flag, words in NO_PIN_NOW.items():
            if token.flags & flag:
                raise CustodyError(_say(token.label, words))
        try:
            return token.open(user_pin=pin.read())
        except pkcs11.UserAlreadyLoggedIn:  # other code in this process
            return token.open()


_modules: dict[tuple[str, int], Module] = {}


def module_at(path: str) -> Module:
    """Return the module of this process: no session survives a fork (PKCS#11, 6.6)."""
    process = os.getpid()
    inherited = any(at == path and by != process for at, by in list(_modules))
    return _modules.setdefault((path, process), Module(path, stale=inherited))


def explain(exc: PKCS11Error, token_label: str) -> str:
    """Return what the module's complaint means, in words."""
    words = {
        pkcs11.NoSuchToken: "is not there",
        pkcs11.MultipleTokensReturned: "is there more than once",
        **PIN_REFUSALS,
    }
    return _say(token_label, words.get(type(exc), f"does not work: {_words(exc)}"))


def _say(token_label: str, words: str) -> str:
    return f"the token labelled {token_label!r} {words}"


def _words(exc: PKCS11Error) -> str:
    return f"{type(exc).__name__} {exc}".rstrip()


def _describe(name: Name, count: int) -> str:
    token_label, attributes = name
    named = dict(attributes)
    label, key_id = named.get(Attribute.LABEL), named.get(Attribute.ID)
    parts = [f"the label {label!r}"] if label else []
    parts += [f"the ID {key_id.hex()!r}"] if key_id else []
    has = "has more than one" if count else "has no"
    key = f"private RSA key with {' and '.join(parts)}"
    return _say(token_label, f"{has} {key}")
