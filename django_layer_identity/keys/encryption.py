"""
Encryption at rest: ``lid1:<id of the encrypting key>:<Fernet token>``.

The encrypted document contains the Layer app, the fingerprint and the private key. So
decryption can tell a missing encryption key, a damaged row and a swapped row apart.
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
MIN_ENTRY_LENGTH = 32  # characters; at least 192 bits as base64
ID_LENGTH = 8  # bytes
_HOW_TO_RECOVER = (
    "Import the same private key again, restore that row from a backup, or revoke the "
    "key."
)
SETTING = "LAYER_IDENTITY['KEY_ENCRYPTION_KEYS']"
HOW_TO_SET_IT = (
    "Set it to its previous value: no other value decrypts the stored private keys. "
    "Only if that value is lost, or in a new installation, create an entry with "
    "“manage.py layer_encryption_key”, store it, and import the private keys again."
)
HOW_TO_READ_AGAIN = (
    "Put the entry that encrypted it back into the list. If that entry is lost, import "
    "the same private key again, with “manage.py layer_key_import” or in the admin. If "
    "the private key is lost too, activate another key."
)


def new_encryption_key() -> str:
    """Return a new entry for ``KEY_ENCRYPTION_KEYS``: 256 random bits as text."""
    return secrets.token_urlsafe(32)


class _EncryptionKey(NotPicklable):
    """One entry of the setting. The derived ID does not disclose the entry."""

    def __init__(self, entry: str) -> None:
        # HKDF, not PBKDF2: entries are random, and this runs at each decryption.
        kdf = HKDF(
            SHA256(), 32 + ID_LENGTH, salt=None, info=b"django-layer-identity lid1"
        )
        material = kdf.derive(entry.encode())
        self.fernet = Fernet(base64.urlsafe_b64encode(material[:32]))
        self.id = material[32:].hex()

    def decrypts(self, token: str) -> bool:
        """Return whether this entry encrypted the token, without comparing the ID."""
        try:
            self.fernet.decrypt(token)
        except (InvalidToken, ValueError):
            return False
        return True


def _encryption_keys() -> list[_EncryptionKey]:
    if problem := setting_problem():
        raise ConfigurationError(f"{problem} {HOW_TO_SET_IT}")
    entries = conf.KEY_ENCRYPTION_KEYS
    if not entries:
        raise ConfigurationError(
            f"{SETTING} is empty, so private keys cannot be encrypted or decrypted. If "
            "it comes from an environment variable, check that the variable is set here. "
            f"{HOW_TO_SET_IT}"
        )
    return [_EncryptionKey(entry) for entry in entries]


def setting_problem() -> str | None:
    """Say why the setting is not a list of strings that are long enough; never show one."""
    entries: object = conf.KEY_ENCRYPTION_KEYS
    if not isinstance(entries, (list, tuple)):
        return f"{SETTING} must be a list of strings, not {type(entries).__name__}."
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, str):
            kind = type(entry).__name__
            return f"Entry {number} of {SETTING} must be a string, not {kind}."
        if len(entry) < MIN_ENTRY_LENGTH:
            return (
                f"Entry {number} of {SETTING} has {len(entry)} characters. It must have "
                f"{MIN_ENTRY_LENGTH} or more."
            )
    return None


def has_encryption_key(ciphertext: str) -> bool:
    """
    Return whether the entry that encrypted a private key is in the setting.

    Only the ID of the entry is compared: nothing is decrypted. If the setting is empty
    or invalid, the answer is False.
    """
    prefix = ciphertext.rpartition(":")[0]
    try:
        return prefix in {f"{VERSION}:{key.id}" for key in _encryption_keys()}
    except ConfigurationError:
        return False


@hide_locals
def encrypt_private_key(der: bytes, *, app: int, fingerprint: str) -> str:
    """
    Encrypt with the first entry of ``KEY_ENCRYPTION_KEYS``.

    :param app: the primary key of the Layer app.
    :raises ConfigurationError: if the setting is empty or an entry is too short.
    """
    encryption_key = _encryption_keys()[0]
    key = base64.b64encode(der).decode("ascii")
    document = json.dumps({"app": app, "fingerprint": fingerprint, "key": key})
    token = encryption_key.fernet.encrypt(document.encode("ascii")).decode("ascii")
    return f"{VERSION}:{encryption_key.id}:{token}"


def decrypt_private_key(ciphertext: str, *, app: int, fingerprint: str) -> bytes:
    """
    Return the private key (DER) that :func:`encrypt_private_key` encrypted.

    Callers hide their local variables with :func:`hide_locals`.

    :raises WrongEncryptionKey: if the entry that encrypted it is not in the setting.
    :raises DamagedCiphertext: if it was altered or is incomplete.
    :raises SwappedCiphertext: if it belongs to another app or another key.
    :raises ConfigurationError: if the setting is empty or an entry is too short.
    """
    which = f"The stored private key of {_name(app, fingerprint)}"
    version, _, rest = ciphertext.partition(":")
    key_id, _, token = rest.partition(":")
    if version != VERSION:
        raise DamagedCiphertext(f"{which} is damaged. {_HOW_TO_RECOVER}")
    by_id = {key.id: key for key in _encryption_keys()}
    if key_id not in by_id and not any(key.decrypts(token) for key in by_id.values()):
        raise WrongEncryptionKey(
            f"{which} was encrypted with an entry (ID {key_id!r}) that is not in "
            f"{SETTING}. Put that entry back. If it is lost, import the same private key "
            "again. If the private key is lost too, activate another key."
        )
    try:
        document = json.loads(by_id[key_id].fernet.decrypt(token))
    except (KeyError, InvalidToken, ValueError) as exc:
        raise DamagedCiphertext(f"{which} is damaged. {_HOW_TO_RECOVER}") from exc
    owner = document["app"], document["fingerprint"]
    if owner != (app, fingerprint):
        raise SwappedCiphertext(
            f"{which} belongs to {_name(*owner)}. {_HOW_TO_RECOVER}"
        )
    return base64.b64decode(document["key"])


@hide_locals
def reencrypt_private_key(ciphertext: str, *, app: int, fingerprint: str) -> str:
    """
    Encrypt again with the first entry, unless the first entry encrypted it already.

    :raises DecryptionError: if the private key cannot be decrypted.
    :raises ConfigurationError: if the setting is empty or an entry is too short.
    """
    der = decrypt_private_key(ciphertext, app=app, fingerprint=fingerprint)
    if ciphertext.startswith(f"{VERSION}:{_encryption_keys()[0].id}:"):
        return ciphertext
    return encrypt_private_key(der, app=app, fingerprint=fingerprint)


def _name(app: int, fingerprint: str) -> str:
    return f"signing key {fingerprint[:16]} (Layer app {app})"
