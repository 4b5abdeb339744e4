"""Keys in a token that speaks PKCS#11, as HSMs and SoftHSM do: they never enter Python."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django.views.decorators.debug import sensitive_variables
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass, PKCS11Error

from django_layer_identity.exceptions import ConfigurationError, CustodyError
from django_layer_identity.keys.pkcs11.cryptoki import (
    PIN_REFUSALS,
    Module,
    Name,
    explain,
    module_at,
)
from django_layer_identity.keys.pkcs11.pin import Pin
from django_layer_identity.keys.public import public_pem
from django_layer_identity.keys.remote import Turns

T = TypeVar("T")

REQUIRED = ("MODULE", "TOKEN_LABEL")
OPTIONS = (*REQUIRED, "KEY_LABEL", "KEY_ID", "PIN_FILE", "PIN_ENV")


class PKCS11Custody:
    """
    A private key in a token, found by the token's label and its own label, ID or both.

    ``OPTIONS``: ``MODULE`` (path of the token's library), ``TOKEN_LABEL``,
    ``KEY_LABEL``, ``KEY_ID`` (hex digits), and ``PIN_FILE`` or ``PIN_ENV``: the PIN
    itself is no option.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        _check(options)
        self._path = os.fspath(options["MODULE"])
        self._name = _read_name(options)
        self._pin = Pin(file=options.get("PIN_FILE"), env=options.get("PIN_ENV"))

    @property
    def turns(self) -> Turns:
        """One call at a time goes to a module, whichever of its keys it is for."""
        return module_at(self._path).turns

    def public_key(self) -> str:
        """
        Return the public half, as the private key object has it.

        :raises CustodyError: if the key cannot be reached.
        """
        return public_pem(*self._use_key(_public_numbers))

    @sensitive_variables()
    def sign(self, message: bytes) -> bytes:
        """
        Let the token sign.

        :raises CustodyError: if the key cannot be reached, or does not sign.
        """
        mechanism = Mechanism.SHA256_RSA_PKCS
        return bytes(self._use_key(lambda key: key.sign(message, mechanism=mechanism)))

    def _use_key(self, use: Callable[[Any], T]) -> T:
        try:
            return self._try_twice(module_at(self._path), use)
        except PKCS11Error as exc:
            raise CustodyError(explain(exc, self._name[0])) from exc

    def _try_twice(self, module: Module, use: Callable[[Any], T]) -> T:
        """Take a key that was found before for stale if it fails, and find it again."""
        was_found = module.has_found(self._name)
        try:
            return use(module.find_key(self._name, self._pin))
        except PKCS11Error as exc:
            refused = type(exc) in PIN_REFUSALS
            if refused:
                module.refuse_pin(self._name[0])
            module.give_up()
            if refused or not was_found:
                raise
        return self._try_twice(module, use)


def _public_numbers(key: Any) -> tuple[int, int]:
    modulus, exponent = key[Attribute.MODULUS], key[Attribute.PUBLIC_EXPONENT]
    return int.from_bytes(modulus, "big"), int.from_bytes(exponent, "big")


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


def _read_name(options: Mapping[str, Any]) -> Name:
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
