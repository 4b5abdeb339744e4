"""Read the private keys that people paste, generate new ones, tell them apart."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Any, NamedTuple, cast

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
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
from django_layer_identity.keys.secrets import Guarded
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


DAMAGED = "This private key is damaged or cut off: take the whole of it."
NO_RSA_KEY = "This is no RSA private key, and Layer accepts RSA alone."


class PrivateKey(Guarded):
    """An RSA private key of an accepted size: it signs, and shows its public half."""

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self._key = key

    def __repr__(self) -> str:
        return f"<PrivateKey {self.fingerprint[:16]}>"

    def sign(self, message: bytes) -> bytes:
        """Return the RSASSA-PKCS1-v1_5 signature with SHA-256 of the message."""
        return self._key.sign(message, PKCS1v15(), SHA256())

    def to_der(self) -> bytes:
        """Return the private half itself (DER, PKCS#8), for encryption at rest only."""
        return self._key.private_bytes(
            Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
        )

    @property
    def public_pem(self) -> str:
        """The public half: PEM, SubjectPublicKeyInfo."""
        return self.public_key.pem

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the public half (DER, SubjectPublicKeyInfo), 64 hex digits."""
        return self.public_key.fingerprint

    @property
    def bits(self) -> int:
        """The size of the modulus."""
        return self.public_key.bits

    @cached_property
    def public_key(self) -> PublicKey:
        """The public half, to be registered with Layer."""
        return describe(self._key.public_key())


def restore_private_key(der: bytes) -> PrivateKey:
    """
    Load a key that :meth:`PrivateKey.to_der` gave; validates it again.

    :raises InvalidKey: if it is not such a key.
    """
    try:
        key = load_der_private_key(der, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise InvalidKey(DAMAGED) from exc
    return PrivateKey(cast("rsa.RSAPrivateKey", key))


def generate_private_key(bits: int = MIN_KEY_SIZE) -> PrivateKey:
    """
    Make a new key, which takes from a tenth of a second to several.

    :raises InvalidKey: if the size is not 2048, 3072 or 4096 bits.
    """
    if bits not in (2048, 3072, 4096):
        raise InvalidKey("A key has 2048, 3072 or 4096 bits.")
    return PrivateKey(rsa.generate_private_key(public_exponent=65537, key_size=bits))


def verify_signature(public_pem: str, message: bytes, signature: bytes) -> bool:
    """
    Tell whether the private half of that public key signed the message.

    :raises InvalidKey: if the public key is damaged.
    """
    try:
        public_key = load_public_key(public_pem)
    except InvalidKey as exc:
        raise InvalidKey("The stored public half is damaged.") from exc
    try:
        public_key.verify(signature, message, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True
