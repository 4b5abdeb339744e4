"""Public halves of keys whose private halves are elsewhere."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from django_layer_identity.exceptions import InvalidKey
from django_layer_identity.keys.pem import MAX_KEY_SIZE, MIN_KEY_SIZE


class PublicKey(NamedTuple):
    """A public half, as a row of ours describes it."""

    pem: str
    fingerprint: str  # SHA-256 of the DER, SubjectPublicKeyInfo, in hex digits
    bits: int


def public_pem(modulus: int, exponent: int) -> str:
    """
    Return an RSA public key as PEM, SubjectPublicKeyInfo.

    :raises InvalidKey: if there is no such key.
    """
    try:
        key = RSAPublicNumbers(exponent, modulus).public_key()
    except ValueError as exc:
        raise InvalidKey("This is no RSA public key.") from exc
    return _encode(key, Encoding.PEM).decode("ascii")


def read_public_key(pem: str) -> PublicKey:
    """
    Read an RSA public key of an accepted size.

    :raises InvalidKey: if it is none.
    """
    try:
        key = load_pem_public_key(pem.encode())
    except ValueError as exc:
        raise InvalidKey("This is no public key in PEM.") from exc
    if not isinstance(key, RSAPublicKey):
        raise InvalidKey("This is no RSA public key, and Layer accepts RSA alone.")
    if not MIN_KEY_SIZE <= key.key_size <= MAX_KEY_SIZE:
        raise InvalidKey(
            f"This key has {key.key_size} bits; {MIN_KEY_SIZE} to {MAX_KEY_SIZE} are "
            "accepted."
        )
    fingerprint = hashlib.sha256(_encode(key, Encoding.DER)).hexdigest()
    return PublicKey(
        _encode(key, Encoding.PEM).decode("ascii"), fingerprint, key.key_size
    )


def _encode(key: RSAPublicKey, encoding: Encoding) -> bytes:
    return key.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
