"""
Read the private keys that staff paste or upload, in any common form.

The work is linear in the length of the input.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_der_public_key,
)
from cryptography.x509 import load_der_x509_certificate, load_der_x509_csr

from django_layer_identity.exceptions import InvalidKey
from django_layer_identity.keys.passphrase import (
    INTEGER,
    SEQUENCE,
    decrypt,
    read_sequence,
)
from django_layer_identity.keys.rsa import (
    DAMAGED,
    NOT_RSA,
    PrivateKey,
    check_size,
    load_stored_private_key,
    verify_signature,
)
from django_layer_identity.keys.secrets import hide_locals

MAX_LENGTH = 16 * 1024  # bytes; a 4096-bit key has 3,300 as PEM, 4,400 as Base64 of PEM
MAX_LABEL_LENGTH = 40  # characters

TOO_LONG = "This is too long for a private key. The limit is 16 KiB."
NOT_PEM = (
    "This is not a private key in PEM format. Copy the complete key: it begins with "
    "-----BEGIN RSA PRIVATE KEY----- or -----BEGIN PRIVATE KEY-----."
)
SEVERAL_KEYS = "This contains more than one private key. Import only one."
MORE_THAN_A_KEY = "This contains more than a private key. Import only the private key."
PUBLIC_KEY = "This is a public key. Import the private key instead."
CERTIFICATE = "This is a certificate. Import the private key instead."
REQUEST = "This is a certificate request. Import the private key instead."
PKCS12 = (
    "This is a PKCS#12 file. Extract the private key first, with "
    "“openssl pkcs12 -nocerts”."
)
OPENSSH = (
    "This is an OpenSSH private key. Convert a copy of the file to PEM first, with "
    "“ssh-keygen -p -m PEM -f” and the name of the copy."
)

MIN_EXPONENT, MAX_EXPONENT = 65537, 2**32 - 1  # FIPS 186-5 allows no smaller exponent
SAMPLE = b"django-layer-identity sign and verify"

_TOO_SMALL = (
    " Layer's own early keys had 1024 bits. Generate a new key, enter a key ID "
    "for it and activate it."
)
_MISMATCH = (
    "The numbers in this private key do not belong together, so it cannot sign. Copy "
    "the key again, or generate a new one."
)

BEGIN = "-----BEGIN"
_BEGIN, _DASHES = f"{BEGIN} ", "-----"
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]\r?\n?){65}")  # a fingerprint has 64 digits
_SUPPORTED = ("RSA PRIVATE KEY", "PRIVATE KEY", "ENCRYPTED PRIVATE KEY")
_UNSUPPORTED = {
    "PUBLIC KEY": PUBLIC_KEY,
    "RSA PUBLIC KEY": PUBLIC_KEY,
    "CERTIFICATE": CERTIFICATE,
    "CERTIFICATE REQUEST": REQUEST,
    "EC PRIVATE KEY": NOT_RSA,
    "EC PARAMETERS": NOT_RSA,
    "DSA PRIVATE KEY": NOT_RSA,
    "OPENSSH PRIVATE KEY": OPENSSH,
}
_LOADERS: dict[Callable[[bytes], object], str] = {
    load_der_public_key: PUBLIC_KEY,
    load_der_x509_certificate: CERTIFICATE,
    load_der_x509_csr: REQUEST,
}


class ParsedKey(NamedTuple):
    """A private key as DER. ``dek_info`` is its ``DEK-Info`` header (RFC 1421)."""

    der: bytes
    dek_info: str | None = None


class _Block(NamedTuple):
    label: str
    body: str


@hide_locals
def read_private_key(data: bytes | str, passphrase: str | None = None) -> PrivateKey:
    """
    Read and validate an RSA private key, which takes about 40 ms.

    :param data: PEM or DER, PKCS#1 (the form that Layer's dashboard shows) or PKCS#8,
        in any form that :func:`parse_key_text` accepts.
    :param passphrase: needed if the key is encrypted, and ignored otherwise.
    :raises InvalidKey: if it is not an RSA private key of 2048 to 4096 bits.
    """
    der, dek_info = parse_key_text(data)
    if dek_info:
        key = decrypt(der, passphrase, dek_info=dek_info)
    else:
        key = _load(der, passphrase)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise InvalidKey(NOT_RSA)
    _check_numbers(key)
    return _check_pair(key)


def _load(der: bytes, passphrase: str | None) -> PrivateKeyTypes:
    """Load a key without the costly validation, which follows the size check."""
    try:
        return load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
    except TypeError:  # it is encrypted
        return decrypt(der, passphrase)
    except UnsupportedAlgorithm as exc:
        raise InvalidKey(NOT_RSA) from exc  # for example, an unusual elliptic curve
    except ValueError as exc:
        raise InvalidKey(_describe(der)) from exc


def _check_numbers(key: rsa.RSAPrivateKey) -> None:
    check_size(key.key_size, advice=_TOO_SMALL)
    if not MIN_EXPONENT <= key.public_key().public_numbers().e <= MAX_EXPONENT:
        raise InvalidKey(
            "The public exponent of this key is out of range: it must be from 65537 to "
            "2^32 - 1. Generate a new key with the exponent 65537."
        )


def _check_pair(key: rsa.RSAPrivateKey) -> PrivateKey:
    """Let the library validate the numbers, then sign and verify a sample."""
    try:
        # The cost of validation grows at least with the square of the size, so
        # _check_numbers() runs first.
        private_key = load_stored_private_key(PrivateKey(key).to_der())
        signature = private_key.sign(SAMPLE)
    except ValueError as exc:  # includes InvalidKey
        raise InvalidKey(_MISMATCH) from exc
    if not verify_signature(private_key.public_key.pem, SAMPLE, signature):
        raise InvalidKey(_MISMATCH)
    return private_key


def parse_key_text(data: bytes | str) -> ParsedKey:
    """
    Find the only private key in a text or a file.

    Accepts CRLF, indentation, line breaks that are missing or written as ``\\n``,
    quotation marks and text around the key, a byte order mark, and Base64 of the whole.

    :raises InvalidKey: if there is not exactly one private key, or if another PEM block
        is next to it.
    """
    if len(data) > MAX_LENGTH:
        raise InvalidKey(TOO_LONG)
    if isinstance(data, bytes) and _is_der(data):
        return ParsedKey(data)
    text = _unescape(_decode(data))
    blocks = _blocks(text) or _blocks(_unescape(_from_base64(text)))
    return _read_block(_get_private_block(blocks))


def _is_der(data: bytes) -> bool:
    """Return whether the data begins like a DER sequence. Text never does."""
    is_long, is_short = data[1:2] >= b"\x80", data[2:3] == bytes([INTEGER])
    return data[:1] == bytes([SEQUENCE]) and (is_long or is_short)


def _decode(data: bytes | str) -> str:
    if isinstance(data, str):
        data = data.encode("utf-8", "replace")
    is_utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = data.decode("utf-16" if is_utf16 else "utf-8-sig", "replace")
    if not text.isascii():
        raise InvalidKey(NOT_PEM)
    return text


def _unescape(text: str) -> str:
    """Convert ``\\n`` to line breaks and remove all other backslashes."""
    return text.replace("\\r", "").replace("\\n", "\n").replace("\\", "")


def _from_base64(text: str) -> str:
    compact = "".join(text.strip("\"'` \t\r\n").split())
    try:
        decoded = base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
        return decoded.decode("ascii")
    except ValueError:  # includes binascii.Error and UnicodeDecodeError
        return ""


def _blocks(text: str) -> list[_Block]:
    """
    Return the PEM blocks of a text.

    :raises InvalidKey: if a block does not end.
    """
    blocks = []
    begin = text.find(_BEGIN)
    while begin >= 0:
        start = begin + len(_BEGIN)
        stop = text.find(_DASHES, start, start + MAX_LABEL_LENGTH + len(_DASHES))
        if stop < 0:
            raise InvalidKey(NOT_PEM)
        label = text[start:stop]
        end = text.find(f"-----END {label}-----", stop)
        if end < 0:
            raise InvalidKey(
                _UNSUPPORTED.get(label, DAMAGED if label in _SUPPORTED else NOT_PEM)
            )
        blocks.append(_Block(label, text[stop + len(_DASHES) : end]))
        begin = text.find(_BEGIN, end)
    return blocks


def _get_private_block(blocks: list[_Block]) -> _Block:
    if not blocks:
        raise InvalidKey(NOT_PEM)
    private = [block for block in blocks if block.label in _SUPPORTED]
    if len(private) > 1:
        raise InvalidKey(SEVERAL_KEYS)
    if not private:
        raise InvalidKey(_UNSUPPORTED.get(blocks[0].label, NOT_PEM))
    if len(blocks) > 1:
        raise InvalidKey(MORE_THAN_A_KEY)
    return private[0]


def _read_block(block: _Block) -> ParsedKey:
    dek_info, lines = None, []
    for line in block.body.splitlines():
        name, colon, value = line.partition(":")
        if name.strip() == "DEK-Info":
            dek_info = value.strip()
        elif not colon:
            lines += line.split()
    try:
        return ParsedKey(base64.b64decode("".join(lines), validate=True), dek_info)
    except binascii.Error as exc:
        raise InvalidKey(DAMAGED) from exc


def _describe(der: bytes) -> str:
    """Return the message for DER that the library cannot load as a private key."""
    for load, message in _LOADERS.items():
        with suppress(ValueError):
            with suppress(UnsupportedAlgorithm):  # this kind, with an unusual algorithm
                load(der)
            return message
    with suppress(ValueError):
        # Look at the version only: the library's PKCS#12 loader runs as many iterations
        # as the file asks for.
        if read_sequence(der)[:1] == [(INTEGER, b"\x03")]:
            return PKCS12
    return DAMAGED


def holds_key(text: str) -> bool:
    """Return whether a name or a reason contains a private key or a part of one."""
    return BEGIN in text or _BASE64.search(text) is not None
