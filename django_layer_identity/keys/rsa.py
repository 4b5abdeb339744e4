"""Read the private keys that people paste, generate new ones, tell them apart."""

from __future__ import annotations

from functools import cached_property
from typing import cast

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from django_layer_identity.exceptions import InvalidKey
from django_layer_identity.keys.passphrase import decrypt
from django_layer_identity.keys.public import (
    MAX_KEY_SIZE,
    MIN_KEY_SIZE,
    PublicKey,
    describe,
    load_public_key,
)
from django_layer_identity.keys.reading import (
    DAMAGED,
    NO_RSA_KEY,
    Pasted,
    name_kind,
    read_pasted,
)
from django_layer_identity.keys.secrets import Guarded, forgets

MIN_EXPONENT, MAX_EXPONENT = 65537, 2**32 - 1  # FIPS 186-5 allows no smaller one
SAMPLE = b"django-layer-identity sign and verify"

_TOO_SMALL = (
    " Layer's own early keys had 1024: generate a new one, register its public half in "
    "Layer's dashboard and activate it."
)
_NO_PAIR = "The halves of this key do not belong together: it cannot sign."


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
    def bits(self) -> int:
        """The size of the modulus."""
        return self._key.key_size

    @property
    def public_pem(self) -> str:
        """The public half, to be registered with Layer: PEM, SubjectPublicKeyInfo."""
        return self._public.pem

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the public half (DER, SubjectPublicKeyInfo), 64 hex digits."""
        return self._public.fingerprint

    @cached_property
    def _public(self) -> PublicKey:
        return describe(self._key.public_key())


@forgets
def read_private_key(data: bytes | str, passphrase: str | None = None) -> PrivateKey:
    """
    Read an RSA private key in any form and validate it, which takes some 40 ms.

    :param data: PEM or DER, PKCS#1 (as Layer's dashboard showed it) or PKCS#8; forms
        that :func:`read_pasted` forgives are read too.
    :param passphrase: needed where the key is encrypted, and ignored where it is not.
    :raises InvalidKey: if it is no such key, or not one of 2048 to 4096 bits.
    """
    pasted = read_pasted(data)
    key = decrypt(pasted, passphrase) if pasted.dek_info else _load(pasted, passphrase)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise InvalidKey(NO_RSA_KEY)
    _check_numbers(key)
    return _check_pair(key)


def _load(pasted: Pasted, passphrase: str | None) -> PrivateKeyTypes:
    """Load a key as it is: its numbers are looked at before they are computed with."""
    try:
        return load_der_private_key(
            pasted.der, None, unsafe_skip_rsa_key_validation=True
        )
    except TypeError:  # it is encrypted
        return decrypt(pasted, passphrase)
    except UnsupportedAlgorithm as exc:
        raise InvalidKey(NO_RSA_KEY) from exc  # for one, an unusual elliptic curve
    except ValueError as exc:
        raise InvalidKey(name_kind(pasted.der)) from exc


def _check_numbers(key: rsa.RSAPrivateKey) -> None:
    bits, exponent = key.key_size, key.public_key().public_numbers().e
    if not MIN_KEY_SIZE <= bits <= MAX_KEY_SIZE:
        raise InvalidKey(
            f"This key has {bits} bits; {MIN_KEY_SIZE} to {MAX_KEY_SIZE} are accepted."
            + (_TOO_SMALL if bits < MIN_KEY_SIZE else "")
        )
    if not MIN_EXPONENT <= exponent <= MAX_EXPONENT:
        raise InvalidKey(
            "The public exponent of this key is out of range: 65537 is usual, and up to "
            "2^32 is accepted."
        )


def _check_pair(key: rsa.RSAPrivateKey) -> PrivateKey:
    """Let the library validate the numbers, then see what the halves do together."""
    try:
        # Validation is costly in the square of the size and more: size first.
        valid = load_der_private_key(PrivateKey(key).to_der(), None)
        private_key = PrivateKey(cast("rsa.RSAPrivateKey", valid))
        signature = private_key.sign(SAMPLE)
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise InvalidKey(_NO_PAIR) from exc
    if not verify_signature(private_key.public_pem, SAMPLE, signature):
        raise InvalidKey(_NO_PAIR)
    return private_key


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
