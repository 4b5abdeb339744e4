"""RSA keys: private and public halves, made, restored and verified."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Any, NamedTuple, cast

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_pem_public_key,
)
from jwt.algorithms import RSAAlgorithm

from django_layer_identity.exceptions import InvalidKey
from django_layer_identity.keys.secrets import NotPicklable
from django_layer_identity.protocol.identifiers import KeyID
from django_layer_identity.protocol.signing import ALGORITHM

MIN_KEY_SIZE = 2048  # bits; RFC 7518, section 3.3
MAX_KEY_SIZE = 4096  # bits; each doubling makes a signature some six times slower

DAMAGED = "This private key is damaged or cut off: take the whole of it."
NO_RSA_KEY = "This is no RSA private key, and Layer accepts RSA alone."


class PrivateKey(NotPicklable):
    """An RSA private key of an accepted size: it signs, and shows its public half."""

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self._key = key

    def __repr__(self) -> str:
        return f"<PrivateKey {self.fingerprint[:16]}>"

    @cached_property
    def public_key(self) -> PublicKey:
        """The public half, to be registered with Layer."""
        return PublicKey.of(self._key.public_key())

    @property
    def fingerprint(self) -> str:
        """That of the public half, by which the pair is known."""
        return self.public_key.fingerprint

    def sign(self, message: bytes) -> bytes:
        """Return the RSASSA-PKCS1-v1_5 signature with SHA-256 of the message."""
        return self._key.sign(message, PKCS1v15(), SHA256())

    def to_der(self) -> bytes:
        """Return the private half itself (DER, PKCS#8), for encryption at rest only."""
        return self._key.private_bytes(
            Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
        )


class PublicKey(NamedTuple):
    """A public half, as a row of ours describes it."""

    pem: str  # SubjectPublicKeyInfo
    fingerprint: str  # SHA-256 of the DER, SubjectPublicKeyInfo, in hex digits
    bits: int

    @classmethod
    def of(cls, key: rsa.RSAPublicKey) -> PublicKey:
        """Describe a key as cryptography has it."""
        form = PublicFormat.SubjectPublicKeyInfo
        pem = key.public_bytes(Encoding.PEM, form).decode("ascii")
        der = key.public_bytes(Encoding.DER, form)
        return cls(pem, hashlib.sha256(der).hexdigest(), key.key_size)

    def as_jwk(self, key_id: KeyID) -> dict[str, Any]:
        """Return the JWK (RFC 7517) whose ``kid`` is the one that tokens carry."""
        jwk = RSAAlgorithm.to_jwk(_load_public_key(self.pem), as_dict=True)
        del jwk["key_ops"]  # RFC 7517, section 4.3: not together with "use"
        return {**jwk, "use": "sig", "alg": ALGORITHM, "kid": str(key_id)}


def generate_private_key(bits: int = MIN_KEY_SIZE) -> PrivateKey:
    """
    Make a new key, which takes from a tenth of a second to several.

    :raises InvalidKey: if the size is not 2048, 3072 or 4096 bits.
    """
    if bits not in (2048, 3072, 4096):
        raise InvalidKey("A key has 2048, 3072 or 4096 bits.")
    return PrivateKey(rsa.generate_private_key(public_exponent=65537, key_size=bits))


def load_stored_private_key(der: bytes) -> PrivateKey:
    """
    Load a key that :meth:`PrivateKey.to_der` gave; validates it again.

    :raises InvalidKey: if it is not such a key.
    """
    try:
        key = load_der_private_key(der, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise InvalidKey(DAMAGED) from exc
    return PrivateKey(cast("rsa.RSAPrivateKey", key))


def read_public_key(pem: str) -> PublicKey:
    """
    Read an RSA public key of an accepted size.

    :raises InvalidKey: if it is none.
    """
    public_key = PublicKey.of(_load_public_key(pem))
    check_size(public_key.bits)
    return public_key


def check_size(bits: int, *, advice: str = "") -> None:
    """
    Accept the sizes that are neither too weak nor too slow.

    :param advice: what the message adds for a key that is too small.
    :raises InvalidKey: for other sizes.
    """
    if not MIN_KEY_SIZE <= bits <= MAX_KEY_SIZE:
        raise InvalidKey(
            f"This key has {bits} bits; {MIN_KEY_SIZE} to {MAX_KEY_SIZE} are accepted."
            + (advice if bits < MIN_KEY_SIZE else "")
        )


def public_pem(modulus: int, exponent: int) -> str:
    """
    Return an RSA public key as PEM, SubjectPublicKeyInfo.

    :raises InvalidKey: if there is no such key.
    """
    try:
        return PublicKey.of(rsa.RSAPublicNumbers(exponent, modulus).public_key()).pem
    except ValueError as exc:
        raise InvalidKey("This is no RSA public key.") from exc


def verify_signature(public_pem: str, message: bytes, signature: bytes) -> bool:
    """
    Return whether the private half of that public key signed the message.

    :raises InvalidKey: if the public key is damaged.
    """
    try:
        _load_public_key(public_pem).verify(signature, message, PKCS1v15(), SHA256())
    except InvalidKey as exc:
        raise InvalidKey("The stored public half is damaged.") from exc
    except InvalidSignature:
        return False
    return True


def _load_public_key(pem: str) -> rsa.RSAPublicKey:
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise InvalidKey("This is no public key in PEM.") from exc
    if not isinstance(key, rsa.RSAPublicKey):
        raise InvalidKey("This is no RSA public key, and Layer accepts RSA alone.")
    return key
