"""
Private keys under a passphrase: what it costs to try one is known before.

As much of DER is read here as that takes.
"""

from __future__ import annotations

import base64
import re

from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_pem_private_key,
)

from django_layer_identity.exceptions import (
    InvalidKey,
    PassphraseNeeded,
    PassphraseWrong,
)
from django_layer_identity.keys.rsa import DAMAGED, NO_RSA_KEY

MAX_ITERATIONS = 1_000_000  # half a second of PBKDF2; OpenSSL takes 2,048
MAX_SCRYPT_MEMORY = 64 * 1024 * 1024  # bytes; OpenSSL takes 16 MiB
MAX_SCRYPT_COST = 2**20  # N times r times p; OpenSSL takes 2**17

NEEDED = "This private key is encrypted: enter its passphrase too."
WRONG = "The passphrase is wrong, or the private key is damaged."
TOO_COSTLY = (
    "It costs too much to try a passphrase on this private key: encrypt it anew with "
    "1,000,000 iterations or fewer."
)
UNKNOWN_ENCRYPTION = (
    "This private key is encrypted in a way that is not read here: remove its "
    "passphrase first, with “openssl pkey”."
)

#: How long the initialization vector is: the hex digits of one block.
_VECTORS = {"AES-256-CBC": 32, "AES-128-CBC": 32, "DES-EDE3-CBC": 16}

INTEGER, SEQUENCE = 0x02, 0x30  # tags of DER
# Object identifiers as DER has them: RFC 8018, appendix A, and RFC 7914, section 7.
_PKCS5 = bytes.fromhex("2a864886f70d0105")
_PKCS12 = bytes.fromhex("2a864886f70d010c")
_PBES2 = _PKCS5 + b"\x0d"
_SCRYPT = bytes.fromhex("2b06010401da47040b")


def decrypt(
    encrypted: bytes, passphrase: str | None, *, dek_info: str | None = None
) -> PrivateKeyTypes:
    """
    Return the private key, of whatever kind, that a passphrase protects.

    :param dek_info: how RFC 1421 encrypted it; None where it is PKCS#8.
    :raises PassphraseNeeded, PassphraseWrong: if it is not the right one.
    :raises InvalidKey: if it is too costly to try, or the encryption is unknown.
    """
    if not passphrase:
        raise PassphraseNeeded(NEEDED)
    if dek_info is None:
        _check_cost(encrypted)
        load, data = load_der_private_key, encrypted
    else:
        load, data = load_pem_private_key, _rfc_1421(encrypted, dek_info)
    try:
        return load(data, passphrase.encode(), unsafe_skip_rsa_key_validation=True)
    except UnsupportedAlgorithm as exc:
        raise InvalidKey(NO_RSA_KEY) from exc  # for one, an unusual elliptic curve
    except (ValueError, TypeError, InternalError) as exc:
        raise PassphraseWrong(WRONG) from exc


def _rfc_1421(encrypted: bytes, dek_info: str) -> bytes:
    """As OpenSSL writes PKCS#1; its key derivation is a single MD5."""
    cipher, _, vector = dek_info.partition(",")
    if cipher not in _VECTORS:
        raise InvalidKey(UNKNOWN_ENCRYPTION)
    if not re.fullmatch(f"[0-9A-Fa-f]{{{_VECTORS[cipher]}}}", vector):
        raise InvalidKey(DAMAGED)
    body = base64.encodebytes(encrypted).decode()
    return (
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
        f"DEK-Info: {cipher},{vector}\n\n{body}-----END RSA PRIVATE KEY-----\n"
    ).encode()


def _check_cost(encrypted: bytes) -> None:
    """
    Read EncryptedPrivateKeyInfo (RFC 5208) as far as what the derivation costs.

    :raises InvalidKey: if it costs too much, or nobody knows what.
    """
    try:
        (_, algorithm), _ = read_sequence(encrypted)
        (_, scheme), (_, parameters) = read_elements(algorithm)
        if scheme == _PBES2:
            (_, derivation), *_ = read_elements(parameters)
            (_, scheme), (_, parameters) = read_elements(derivation)
        numbers = [
            int.from_bytes(content, "big", signed=True)
            for tag, content in read_elements(parameters)
            if tag == INTEGER
        ]
        affordable = _scrypt_is_affordable if scheme == _SCRYPT else _is_affordable
        is_affordable = affordable(*numbers)
    except (ValueError, TypeError) as exc:
        raise InvalidKey(DAMAGED) from exc
    if scheme != _SCRYPT and not scheme.startswith((_PKCS5, _PKCS12)):
        raise InvalidKey(UNKNOWN_ENCRYPTION)
    if not is_affordable:
        raise InvalidKey(TOO_COSTLY)


def _is_affordable(iterations: int, length: int = 0) -> bool:
    """PBKDF2, and the older schemes of PKCS#5 and PKCS#12: all count iterations."""
    return iterations <= MAX_ITERATIONS


def _scrypt_is_affordable(n: int, r: int, p: int, length: int = 0) -> bool:
    """
    Tell what N, r and p cost.

    :raises ValueError: if they break RFC 7914, section 2: OpenSSL fails at those.
    """
    is_power_of_two = n > 1 and n & (n - 1) == 0
    if not is_power_of_two or min(r, p) < 1 or n.bit_length() > 16 * r:
        raise ValueError("N, r and p are not as RFC 7914 has them.")
    return 128 * n * r <= MAX_SCRYPT_MEMORY and n * r * p <= MAX_SCRYPT_COST


def read_sequence(data: bytes) -> list[tuple[int, bytes]]:
    """
    Return the elements of the one SEQUENCE that the bytes are, in DER.

    :raises ValueError: if they are anything else.
    """
    [(tag, content)] = read_elements(data)
    if tag != SEQUENCE:
        raise ValueError("This is not a SEQUENCE.")
    return read_elements(content)


def read_elements(data: bytes) -> list[tuple[int, bytes]]:
    """
    Return tag and content of each element of DER; those inside are not looked at.

    :raises ValueError: if one has no definite length, or ends before it should.
    """
    found, end = [], 0
    while end < len(data):
        tag, start = data[end], end + 2
        length = int.from_bytes(data[end + 1 : start], "big")
        if length == 0x80:
            raise ValueError("This is not DER.")
        if length > 0x80:  # then so many bytes more have the length
            octets, start = data[start : start + length - 0x80], start + length - 0x80
            length = int.from_bytes(octets, "big")
        end = start + length
        if end > len(data):
            raise ValueError("This is cut off.")
        found.append((tag, data[start:end]))
    return found
