"""
Encryption at rest: ``lid1:<id of the encrypting key>:<Fernet token>``.

What is encrypted names the Layer app and the fingerprint besides the key, so that a
missing encrypting key, a damaged row and a row with another's key are told apart.
"""

from __future__ import annotations

import base64
import json
import secrets

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from django_layer_identity.conf import conf
from django_layer_identity.exceptions import (
    ConfigurationError,
    DamagedCiphertext,
    SwappedCiphertext,
    WrongEncryptionKey,
)
from django_layer_identity.keys.secrets import NotPicklable, hide_locals

VERSION = "lid1"
MIN_ENTRY_LENGTH = 32  # characters; 192 bits and more where they are base64
ID_LENGTH = 8  # bytes
_WHAT_TO_DO = "take that row from a backup, or revoke the key."
_SETTING = "LAYER_IDENTITY['KEY_ENCRYPTION_KEYS']"
HOW_TO_SET_IT = (
    "Set it to the value used before: nothing else decrypts the stored private keys. "
    "Only for a new installation, make an entry with “manage.py layer_encryption_key” "
    "and store it."
)


def new_encryption_key() -> str:
    """Return a fresh entry for ``KEY_ENCRYPTION_KEYS``: 256 random bits as text."""
    return secrets.token_urlsafe(32)


class _EncryptionKey(NotPicklable):
    """One entry of the setting; its ID is derived too, and discloses nothing of it."""

    def __init__(self, entry: str) -> None:
        # HKDF and not PBKDF2: entries are random, and this runs at each decryption.
        kdf = HKDF(
            SHA256(), 32 + ID_LENGTH, salt=None, info=b"django-layer-identity lid1"
        )
        material = kdf.derive(entry.encode())
        self.fernet = Fernet(base64.urlsafe_b64encode(material[:32]))
        self.id = material[32:].hex()

    def opens(self, token: str) -> bool:
        """Return whether this entry encrypted it, whatever ID is written before it."""
        try:
            self.fernet.decrypt(token)
        except (InvalidToken, ValueError):
            return False
        return True


def _encryption_keys() -> list[_EncryptionKey]:
    entries = [entry for entry in conf.KEY_ENCRYPTION_KEYS if entry]
    if not entries:
        raise ConfigurationError(
            f"{_SETTING} is empty: private keys are stored encrypted or not at all. "
            f"{HOW_TO_SET_IT}"
        )
    if min(map(len, entries)) < MIN_ENTRY_LENGTH:
        raise ConfigurationError(
            f"{_SETTING} has an entry of fewer than {MIN_ENTRY_LENGTH} characters."
        )
    return [_EncryptionKey(entry) for entry in entries]


@hide_locals
def encrypt_private_key(der: bytes, *, app: int, fingerprint: str) -> str:
    """
    Encrypt with the first entry of ``KEY_ENCRYPTION_KEYS``.

    :param app: the primary key of the Layer app.
    :raises ConfigurationError: if there is no entry, or one too short.
    """
    encryption_key = _encryption_keys()[0]
    key = base64.b64encode(der).decode("ascii")
    document = json.dumps({"app": app, "fingerprint": fingerprint, "key": key})
    token = encryption_key.fernet.encrypt(document.encode("ascii")).decode("ascii")
    return f"{VERSION}:{encryption_key.id}:{token}"


def decrypt_private_key(ciphertext: str, *, app: int, fingerprint: str) -> bytes:
    """
    Return what :func:`encrypt_private_key` was given; the caller hides its variables.

    :raises WrongEncryptionKey: if the entry that encrypted it is not in the setting.
    :raises DamagedCiphertext: if it was altered or cut off.
    :raises SwappedCiphertext: if it belongs to another app or another key.
    :raises ConfigurationError: if there is no entry, or one too short.
    """
    which = f"The stored private half of {_name(app, fingerprint)}"
    version, _, rest = ciphertext.partition(":")
    key_id, _, token = rest.partition(":")
    if version != VERSION:
        raise DamagedCiphertext(f"{which} is damaged: {_WHAT_TO_DO}")
    by_id = {key.id: key for key in _encryption_keys()}
    if key_id not in by_id and not any(key.opens(token) for key in by_id.values()):
        raise WrongEncryptionKey(
            f"{which} was encrypted with an entry {key_id!r} that is not in {_SETTING}: "
            "put the former entry back."
        )
    try:
        document = json.loads(by_id[key_id].fernet.decrypt(token))
    except (KeyError, InvalidToken, ValueError) as exc:
        raise DamagedCiphertext(f"{which} is damaged: {_WHAT_TO_DO}") from exc
    owner = document["app"], document["fingerprint"]
    if owner != (app, fingerprint):
        raise SwappedCiphertext(f"{which} is that of {_name(*owner)}: {_WHAT_TO_DO}")
    return base64.b64decode(document["key"])


@hide_locals
def reencrypt_private_key(ciphertext: str, *, app: int, fingerprint: str) -> str:
    """
    Encrypt anew with the first entry, or return what it has encrypted already.

    :raises DecryptionError, ConfigurationError: as :func:`decrypt_private_key` does.
    """
    der = decrypt_private_key(ciphertext, app=app, fingerprint=fingerprint)
    if ciphertext.startswith(f"{VERSION}:{_encryption_keys()[0].id}:"):
        return ciphertext
    return encrypt_private_key(der, app=app, fingerprint=fingerprint)


def _name(app: int, fingerprint: str) -> str:
    return f"signing key {fingerprint[:16]} (Layer app {app})"
