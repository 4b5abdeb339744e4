"""Public halves of keys, wherever their private halves are."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from jwt.algorithms import RSAAlgorithm

from django_layer_identity.exceptions import InvalidKey
from django_layer_identity.protocol.identifiers import KeyID
from django_layer_identity.protocol.signing import ALGORITHM

MIN_KEY_SIZE = 2048  # bits; RFC 7518, section 3.3
MAX_KEY_SIZE = 4096  # bits; each doubling makes a signature some six times slower


class PublicKey(NamedTuple):
    """A public half, as a row of ours describes it."""

    pem: str
    fingerprint: str  # SHA-256 of the DER, SubjectPublicKeyInfo, in hex digits
    bits: int

    def as_jwk(self, key_id: KeyID) -> dict[str, Any]:
        """Return the JWK (RFC 7517) whose ``kid`` is the one that tokens carry."""
        jwk = RSAAlgorithm.to_jwk(load_public_key(self.pem), as_dict=True)
        del jwk["key_ops"]  # RFC 7517, section 4.3: not together with "use"
        return {**jwk, "use": "sig", "alg": ALGORITHM, "kid": str(key_id)}


def public_pem(modulus: int, exponent: int) -> str:
    """
    Return an RSA public key as PEM, SubjectPublicKeyInfo.

    :raises InvalidKey: if there is no such key.
    """
    try:
        key = RSAPublicNumbers(exponent, modulus).public_key()
    except ValueError as exc:
        raise InvalidKey("This is no RSA public key.") from exc
    return describe(key).pem


def read_public_key(pem: str) -> PublicKey:
    """
    Read an RSA public key of an accepted size.

    :raises InvalidKey: if it is none.
    """
    public_key = describe(load_public_key(pem))
    if not MIN_KEY_SIZE <= public_key.bits <= MAX_KEY_SIZE:
        raise InvalidKey(
            f"This key has {public_key.bits} bits; {MIN_KEY_SIZE} to {MAX_KEY_SIZE} are "
            "accepted."
        )
    return public_key


def load_public_key(pem: str) -> RSAPublicKey:
    """
    Load an RSA public key of any size.

    :raises InvalidKey: if it is none.
    """
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise InvalidKey("This is no public key in PEM.") from exc
    if not isinstance(key, RSAPublicKey):
        raise InvalidKey("This is no RSA public key, and Layer accepts RSA alone.")
    return key


def describe(key: RSAPublicKey) -> PublicKey:
    """Return how a row of ours describes an RSA public key."""
    pem, der = (
        key.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
        for encoding in (Encoding.PEM, Encoding.DER)
    )
    fingerprint = hashlib.sha256(der).hexdigest()
    return PublicKey(pem.decode("ascii"), fingerprint, key.key_size)
