"""Read the private keys that people paste, generate new ones, tell them apart."""

from __future__ import annotations

import hashlib
import re
from functools import cached_property
from typing import cast

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
    load_pem_private_key,
    load_pem_public_key,
)
from django.views.decorators.debug import sensitive_variables

from django_layer_identity.exceptions import InvalidKey

MIN_KEY_SIZE = 2048  # bits; RFC 7518, section 3.3
MAX_KEY_SIZE = 4096  # bits; each doubling makes a signature some six times slower
MAX_PEM_LENGTH = 16 * 1024  # characters; a 4096-bit key has 3,300

_LABEL = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_DAMAGED = "This private key is damaged or cut off: paste the whole of it."
_NO_RSA_KEY = "This is no RSA private key, and Layer accepts RSA alone."
_WRONG_LABELS = {
    "PUBLIC KEY": "This is the public half only: the private key is needed.",
    "RSA PUBLIC KEY": "This is the public half only: the private key is needed.",
    "CERTIFICATE": "This is a certificate: the private key is needed.",
    "EC PRIVATE KEY": _NO_RSA_KEY,
    "DSA PRIVATE KEY": _NO_RSA_KEY,
    "ENCRYPTED PRIVATE KEY": "This private key is encrypted: remove its passphrase.",
}


class PrivateKey:
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

    @cached_property
    def public_pem(self) -> str:
        """The public half, to be registered with Layer: PEM, SubjectPublicKeyInfo."""
        return self._public(Encoding.PEM).decode("ascii")

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the public half (DER, SubjectPublicKeyInfo), 64 hex digits."""
        return hashlib.sha256(self._public(Encoding.DER)).hexdigest()

    def _public(self, encoding: Encoding) -> bytes:
        public_key = self._key.public_key()
        return public_key.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)


def _check_text(text: str) -> None:
    """Name what was pasted instead of a private key, before anything is parsed."""
    if len(text) > MAX_PEM_LENGTH:
        raise InvalidKey("This is too long: a private key has at most 16 KiB.")
    label = _LABEL.search(text)
    if label is None or not text.isascii():
        raise InvalidKey(
            "This is not PEM: a private key begins with "
            "-----BEGIN RSA PRIVATE KEY----- or -----BEGIN PRIVATE KEY-----."
        )
    if label[1] in _WRONG_LABELS:
        raise InvalidKey(_WRONG_LABELS[label[1]])
    if "Proc-Type: 4,ENCRYPTED" in text:  # RFC 1421, as OpenSSL writes PKCS#1
        raise InvalidKey(_WRONG_LABELS["ENCRYPTED PRIVATE KEY"])


def _check_size(bits: int) -> None:
    if not MIN_KEY_SIZE <= bits <= MAX_KEY_SIZE:
        raise InvalidKey(
            f"This key has {bits} bits; {MIN_KEY_SIZE} to {MAX_KEY_SIZE} are accepted."
        )


@sensitive_variables()
def read_private_key(text: str) -> PrivateKey:
    """
    Read an unencrypted RSA private key and validate it, which takes some 40 ms.

    :param text: PEM, PKCS#1 (as Layer's dashboard showed it) or PKCS#8.
    :raises InvalidKey: if the text is not PEM, over 16 KiB, holds another kind of key
        or the public half alone, needs a passphrase, is not of 2048 to 4096 bits, or is
        damaged.
    """
    _check_text(text)
    pem = text.strip().encode("ascii")
    try:
        # Validation is costly in the square of the size and more: size first.
        key = load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise InvalidKey(_NO_RSA_KEY)
        _check_size(key.key_size)
        key = load_pem_private_key(pem, None)
    except InvalidKey:
        raise
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise InvalidKey(_DAMAGED) from exc
    return PrivateKey(cast("rsa.RSAPrivateKey", key))


@sensitive_variables()
def restore_private_key(der: bytes) -> PrivateKey:
    """
    Load a key that :meth:`PrivateKey.to_der` gave; validates it again.

    :raises InvalidKey: if it is not such a key.
    """
    try:
        key = load_der_private_key(der, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise InvalidKey(_DAMAGED) from exc
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
    """Tell whether the private half of that public key signed the message."""
    public_key = cast("rsa.RSAPublicKey", load_pem_public_key(public_pem.encode()))
    try:
        public_key.verify(signature, message, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True
