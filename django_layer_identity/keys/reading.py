"""
What people paste or upload: any form that a private key comes in, and nothing else.

Each step looks at each character a bounded number of times.
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
    NO_RSA_KEY,
    PrivateKey,
    check_size,
    load_stored_private_key,
    verify_signature,
)
from django_layer_identity.keys.secrets import hide_locals

MAX_LENGTH = 16 * 1024  # bytes; a 4096-bit key has 3,300 as PEM, 4,400 in Base64 of it
MAX_LABEL_LENGTH = 40  # characters

TOO_LONG = "This is too long: a private key has at most 16 KiB."
NOT_PEM = (
    "This is not PEM: a private key begins with "
    "-----BEGIN RSA PRIVATE KEY----- or -----BEGIN PRIVATE KEY-----."
)
SEVERAL_KEYS = "There is more than one private key in this: take the right one alone."
MORE_THAN_A_KEY = "There is more in this than a private key: take that alone."
PUBLIC_HALF = "This is the public half only: the private key is needed."
CERTIFICATE = "This is a certificate: the private key is needed."
REQUEST = "This is a certificate request: the private key is needed."
PKCS12 = (
    "This is a PKCS#12 file: take the private key out of it first, with "
    "“openssl pkcs12 -nocerts”."
)
OPENSSH = (
    "This is an OpenSSH private key: write it as PEM first, with "
    "“ssh-keygen -p -m PEM -f” and the name of a copy of the file."
)

MIN_EXPONENT, MAX_EXPONENT = 65537, 2**32 - 1  # FIPS 186-5 allows no smaller one
SAMPLE = b"django-layer-identity sign and verify"

_TOO_SMALL = (
    " Layer's own early keys had 1024: generate a new one, register its public half in "
    "Layer's dashboard and activate it."
)
_NO_PAIR = "The halves of this key do not belong together: it cannot sign."

BEGIN = "-----BEGIN"
_BEGIN, _DASHES = f"{BEGIN} ", "-----"
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]\r?\n?){65}")  # a fingerprint has 64 digits
_READ = ("RSA PRIVATE KEY", "PRIVATE KEY", "ENCRYPTED PRIVATE KEY")
_NAMED = {
    "PUBLIC KEY": PUBLIC_HALF,
    "RSA PUBLIC KEY": PUBLIC_HALF,
    "CERTIFICATE": CERTIFICATE,
    "CERTIFICATE REQUEST": REQUEST,
    "EC PRIVATE KEY": NO_RSA_KEY,
    "EC PARAMETERS": NO_RSA_KEY,
    "DSA PRIVATE KEY": NO_RSA_KEY,
    "OPENSSH PRIVATE KEY": OPENSSH,
}
_LOADERS: dict[Callable[[bytes], object], str] = {
    load_der_public_key: PUBLIC_HALF,
    load_der_x509_certificate: CERTIFICATE,
    load_der_x509_csr: REQUEST,
}


class ParsedKey(NamedTuple):
    """A private key as DER; ``dek_info`` says how RFC 1421 encrypted it, if it did."""

    der: bytes
    dek_info: str | None = None


class _Block(NamedTuple):
    label: str
    body: str


@hide_locals
def read_private_key(data: bytes | str, passphrase: str | None = None) -> PrivateKey:
    """
    Read an RSA private key in any form and validate it, which takes some 40 ms.

    :param data: PEM or DER, PKCS#1 (as Layer's dashboard showed it) or PKCS#8; forms
        that :func:`parse_key_text` forgives are read too.
    :param passphrase: needed where the key is encrypted, and ignored where it is not.
    :raises InvalidKey: if it is no such key, or not one of 2048 to 4096 bits.
    """
    der, dek_info = parse_key_text(data)
    if dek_info:
        key = decrypt(der, passphrase, dek_info=dek_info)
    else:
        key = _load(der, passphrase)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise InvalidKey(NO_RSA_KEY)
    _check_numbers(key)
    return _check_pair(key)


def _load(der: bytes, passphrase: str | None) -> PrivateKeyTypes:
    """Load a key as it is: its numbers are looked at before they are computed with."""
    try:
        return load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
    except TypeError:  # it is encrypted
        return decrypt(der, passphrase)
    except UnsupportedAlgorithm as exc:
        raise InvalidKey(NO_RSA_KEY) from exc  # for one, an unusual elliptic curve
    except ValueError as exc:
        raise InvalidKey(_name_kind(der)) from exc


def _check_numbers(key: rsa.RSAPrivateKey) -> None:
    check_size(key.key_size, advice=_TOO_SMALL)
    if not MIN_EXPONENT <= key.public_key().public_numbers().e <= MAX_EXPONENT:
        raise InvalidKey(
            "The public exponent of this key is out of range: 65537 is usual, and up to "
            "2^32 is accepted."
        )


def _check_pair(key: rsa.RSAPrivateKey) -> PrivateKey:
    """Let the library validate the numbers, then see what the halves do together."""
    try:
        # Validation is costly in the square of the size and more: size first.
        private_key = load_stored_private_key(PrivateKey(key).to_der())
        signature = private_key.sign(SAMPLE)
    except ValueError as exc:  # InvalidKey is one
        raise InvalidKey(_NO_PAIR) from exc
    if not verify_signature(private_key.public_key.pem, SAMPLE, signature):
        raise InvalidKey(_NO_PAIR)
    return private_key


def parse_key_text(data: bytes | str) -> ParsedKey:
    """
    Find the one private key in a text or a file.

    It forgives CRLF, indentation, line breaks written as ``\\n`` or lost, quotation
    marks and text around the key, a byte order mark, and Base64 of the whole.

    :raises InvalidKey: if there is none, more than one, or something else.
    """
    if len(data) > MAX_LENGTH:
        raise InvalidKey(TOO_LONG)
    if isinstance(data, bytes) and _is_der(data):
        return ParsedKey(data)
    text = _unescape(_decode(data))
    blocks = _blocks(text) or _blocks(_unescape(_from_base64(text)))
    return _read_block(_only_one(blocks))


def _is_der(data: bytes) -> bool:
    """Return whether it begins as a sequence does and as no text does."""
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
    """Make line breaks of those written as ``\\n``; drop what else is escaped with."""
    return text.replace("\\r", "").replace("\\n", "\n").replace("\\", "")


def _from_base64(text: str) -> str:
    compact = "".join(text.strip("\"'` \t\r\n").split())
    try:
        decoded = base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
        return decoded.decode("ascii")
    except ValueError:  # binascii.Error and UnicodeDecodeError are such
        return ""


def _blocks(text: str) -> list[_Block]:
    """
    Return what is between each pair of lines that begin and end a PEM block.

    :raises InvalidKey: if one has no end.
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
            raise InvalidKey(_NAMED.get(label, DAMAGED if label in _READ else NOT_PEM))
        blocks.append(_Block(label, text[stop + len(_DASHES) : end]))
        begin = text.find(_BEGIN, end)
    return blocks


def _only_one(blocks: list[_Block]) -> _Block:
    if not blocks:
        raise InvalidKey(NOT_PEM)
    private = [block for block in blocks if block.label in _READ]
    if len(private) > 1:
        raise InvalidKey(SEVERAL_KEYS)
    if not private:
        raise InvalidKey(_NAMED.get(blocks[0].label, NOT_PEM))
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


def _name_kind(content: bytes) -> str:
    """Return what DER is that is no private key: a loader of the library takes it."""
    for load, kind in _LOADERS.items():
        with suppress(ValueError):
            with suppress(UnsupportedAlgorithm):  # of that kind, but unusual
                load(content)
            return kind
    with suppress(ValueError):
        # The version, as the library's loader iterates as often as the file says.
        if read_sequence(content)[:1] == [(INTEGER, b"\x03")]:
            return PKCS12
    return DAMAGED


def holds_key(text: str) -> bool:
    """Return whether a name or a reason holds a private key or a part of one."""
    return BEGIN in text or _BASE64.search(text) is not None
