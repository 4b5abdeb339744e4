"""RSA keys: generate, load and describe them, and verify signatures."""

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
)
from jwt.algorithms import RSAAlgorithm

from django_layer_identity.exceptions import InvalidKey
from django_layer_identity.keys.secrets import NotPicklable
from django_layer_identity.protocol.identifiers import KeyID
from django_layer_identity.protocol.known_keys import load_public_key
from django_layer_identity.protocol.signing import ALGORITHM

MIN_KEY_SIZE = 2048  # bits; RFC 7518, section 3.3
MAX_KEY_SIZE = 4096  # bits; doubling the size makes signing about six times slower
#: Fingerprint of the key for tests. Its private key is public.
TEST_KEY_FINGERPRINT = (
    "f6e2e9875d7a21c68be79811581b9550607ae6ea6b53bbc0db3b60d21d6a3e1d"
)

DAMAGED = "This private key is damaged or incomplete. Copy the complete key."
NOT_RSA = "This is not an RSA private key. Layer accepts only RSA keys."


class PrivateKey(NotPicklable):
    """An RSA private key of an accepted size."""

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self._key = key

    def __repr__(self) -> str:
        return f"<PrivateKey {self.fingerprint[:16]}>"

    @cached_property
    def public_key(self) -> PublicKey:
        """The public key, which verifiers need."""
        return PublicKey.of(self._key.public_key())

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the public key, which identifies the key pair."""
        return self.public_key.fingerprint

    def sign(self, message: bytes) -> bytes:
        """Sign the message with RSASSA-PKCS1-v1_5 and SHA-256; return the signature."""
        return self._key.sign(message, PKCS1v15(), SHA256())

    def to_der(self) -> bytes:
        """Return the private key as DER (PKCS#8). Use it only for encryption at rest."""
        return self._key.private_bytes(
            Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
        )


class PublicKey(NamedTuple):
    """An RSA public key, as a signing key's row stores it."""

    pem: str  # SubjectPublicKeyInfo
    fingerprint: str  # SHA-256 of the DER (SubjectPublicKeyInfo), in hex digits
    bits: int

    @classmethod
    def of(cls, key: rsa.RSAPublicKey) -> PublicKey:
        """Describe a public key of the ``cryptography`` package."""
        form = PublicFormat.SubjectPublicKeyInfo
        pem = key.public_bytes(Encoding.PEM, form).decode("ascii")
        der = key.public_bytes(Encoding.DER, form)
        return cls(pem, hashlib.sha256(der).hexdigest(), key.key_size)

    def as_jwk(self, key_id: KeyID) -> dict[str, Any]:
        """Return the JWK (RFC 7517). Its ``kid`` is the one in the tokens."""
        jwk = RSAAlgorithm.to_jwk(load_public_key(self.pem), as_dict=True)
        del jwk["key_ops"]  # RFC 7517, section 4.3: not used together with "use"
        return {**jwk, "use": "sig", "alg": ALGORITHM, "kid": str(key_id)}


def generate_private_key(bits: int = MIN_KEY_SIZE) -> PrivateKey:
    """
    Generate a private key, which takes from a tenth of a second to several seconds.

    :raises InvalidKey: if the size is not 2048, 3072 or 4096 bits.
    """
    if bits not in (2048, 3072, 4096):
        raise InvalidKey("A new key must have 2048, 3072 or 4096 bits.")
    return PrivateKey(rsa.generate_private_key(public_exponent=65537, key_size=bits))


def load_stored_private_key(der: bytes) -> PrivateKey:
    """
    Load and validate a key that :meth:`PrivateKey.to_der` returned.

    :raises InvalidKey: if it is damaged.
    """
    try:
        key = load_der_private_key(der, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise InvalidKey(DAMAGED) from exc
    return PrivateKey(cast("rsa.RSAPrivateKey", key))


def read_public_key(pem: str) -> PublicKey:
    """
    Read an RSA public key of an accepted size.

    :raises InvalidKey: if it is another kind of key, or has another size.
    """
    public_key = PublicKey.of(load_public_key(pem))
    check_size(public_key.bits)
    return public_key


def check_size(bits: int, *, advice: str = "") -> None:
    """
    Check that a key is neither too weak nor too slow.

    :param advice: text that is added to the message if the key is too small.
    :raises InvalidKey: if the key is too small or too large.
    """
    if not MIN_KEY_SIZE <= bits <= MAX_KEY_SIZE:
        raise InvalidKey(
            f"This key has {bits} bits. It must have {MIN_KEY_SIZE} to {MAX_KEY_SIZE} "
            "bits." + (advice if bits < MIN_KEY_SIZE else "")
        )


def public_pem(modulus: int, exponent: int) -> str:
    """
    Return an RSA public key as PEM (SubjectPublicKeyInfo).

    :raises InvalidKey: if the numbers are not those of an RSA public key.
    """
    try:
        return PublicKey.of(rsa.RSAPublicNumbers(exponent, modulus).public_key()).pem
    except ValueError as exc:
        raise InvalidKey(
            "The modulus and the exponent do not form an RSA public key."
        ) from exc


def verify_signature(public_pem: str, message: bytes, signature: bytes) -> bool:
    """
    Return whether the private key of this public key signed the message.

    :raises InvalidKey: if the public key is damaged.
    """
    try:
        load_public_key(public_pem).verify(signature, message, PKCS1v15(), SHA256())
    except InvalidKey as exc:
        raise InvalidKey(
            "The stored public key is damaged. Restore that row from a backup."
        ) from exc
    except InvalidSignature:
        return False
    return True
