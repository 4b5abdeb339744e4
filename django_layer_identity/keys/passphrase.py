"""
Decrypt private keys that a passphrase protects.

Trying a passphrase can cost any amount of time and memory: the key file says how much.
So this module reads the cost from the DER first, and refuses keys that cost too much.
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
from django_layer_identity.keys.rsa import DAMAGED, NOT_RSA

MAX_ITERATIONS = 1_000_000  # half a second of PBKDF2; OpenSSL takes 2,048
MAX_SCRYPT_MEMORY = 64 * 1024 * 1024  # bytes; OpenSSL takes 16 MiB
MAX_SCRYPT_COST = 2**20  # N times r times p; OpenSSL takes 2**17

NEEDED = "This private key is encrypted. Enter its passphrase too."
WRONG = "The passphrase is wrong, or the private key is damaged. Check both."
TOO_COSTLY = (
    "Decrypting this private key takes too much time or memory. Encrypt the key again, "
    "with PBKDF2 and at most 1,000,000 iterations."
)
UNKNOWN_ENCRYPTION = (
    "This private key is encrypted in an unsupported way. Remove its passphrase first, "
    "with “openssl pkey”."
)

#: Length of the initialization vector (one block), in hex digits.
_VECTORS = {"AES-256-CBC": 32, "AES-128-CBC": 32, "DES-EDE3-CBC": 16}

INTEGER, SEQUENCE = 0x02, 0x30  # tags of DER
# Object identifiers in DER: RFC 8018, appendix A, and RFC 7914, section 7.
_PKCS5 = bytes.fromhex("2a864886f70d0105")
_PKCS12 = bytes.fromhex("2a864886f70d010c")
_PBES2 = _PKCS5 + b"\x0d"
_SCRYPT = bytes.fromhex("2b06010401da47040b")


def decrypt(
    encrypted: bytes, passphrase: str | None, *, dek_info: str | None = None
) -> PrivateKeyTypes:
    """
    Return the decrypted private key, which may be of any kind.

    :param dek_info: the ``DEK-Info`` header (RFC 1421); None for PKCS#8.
    :raises PassphraseNeeded: if the passphrase is missing or empty.
    :raises PassphraseWrong: if the passphrase does not decrypt the key.
    :raises InvalidKey: if decryption costs too much, the encryption is unsupported, the
        data is damaged, or the key is of an unsupported kind.
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
        raise InvalidKey(NOT_RSA) from exc  # for example, an unusual elliptic curve
    except (ValueError, TypeError, InternalError) as exc:
        raise PassphraseWrong(WRONG) from exc


def _rfc_1421(encrypted: bytes, dek_info: str) -> bytes:
    """
    Return the key as OpenSSL writes encrypted PKCS#1.

    The cost needs no check: the key derivation is a single MD5.
    """
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
    Check the cost of the key derivation in an EncryptedPrivateKeyInfo (RFC 5208).

    :raises InvalidKey: if the cost is too high or unknown.
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
    """Check PBKDF2 and the older schemes of PKCS#5 and PKCS#12 by their iterations."""
    return iterations <= MAX_ITERATIONS


def _scrypt_is_affordable(n: int, r: int, p: int, length: int = 0) -> bool:
    """
    Check the cost parameters of scrypt.

    :raises ValueError: if they break RFC 7914, section 2. OpenSSL fails at such values.
    """
    is_power_of_two = n > 1 and n & (n - 1) == 0
    if not is_power_of_two or min(r, p) < 1 or n.bit_length() > 16 * r:
        raise ValueError("RFC 7914 does not allow these values of N, r and p.")
    return 128 * n * r <= MAX_SCRYPT_MEMORY and n * r * p <= MAX_SCRYPT_COST


def read_sequence(data: bytes) -> list[tuple[int, bytes]]:
    """
    Return the elements of a DER SEQUENCE.

    :raises ValueError: if the bytes are not exactly one SEQUENCE.
    """
    [(tag, content)] = read_elements(data)
    if tag != SEQUENCE:
        raise ValueError("This is not a SEQUENCE.")
    return read_elements(content)


def read_elements(data: bytes) -> list[tuple[int, bytes]]:
    """
    Return the tag and the content of each DER element, without parsing the contents.

    :raises ValueError: if an element has an indefinite length or is incomplete.
    """
    found, end = [], 0
    while end < len(data):
        tag, start = data[end], end + 2
        length = int.from_bytes(data[end + 1 : start], "big")
        if length == 0x80:
            raise ValueError("This is not DER.")
        if length > 0x80:  # the length is in the following bytes; this is their number
            octets, start = data[start : start + length - 0x80], start + length - 0x80
            length = int.from_bytes(octets, "big")
        end = start + length
        if end > len(data):
            raise ValueError("This DER is incomplete.")
        found.append((tag, data[start:end]))
    return found
