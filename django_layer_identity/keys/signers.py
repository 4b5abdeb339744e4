"""From a stored key to a signer: it is in a bounded cache of loaded keys, or elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from threading import Lock

from django_layer_identity.keys.backends import RemoteSigner, get_backend
from django_layer_identity.keys.encryption import decrypt_private_key
from django_layer_identity.keys.rsa import PrivateKey, load_stored_private_key
from django_layer_identity.keys.secrets import NotPicklable, hide_locals
from django_layer_identity.protocol.identifiers import KeyID

MAX_APPS = 64  # of which one process holds keys; a key takes some 14 kilobytes
MAX_KEYS = 2  # of one app: the active one, and the one before, to go back to


@dataclass(frozen=True)
class StoredPrivateKey(NotPicklable):
    """A private key as a row holds it; equal where app and public half are."""

    app: int  # primary key of the Layer app
    fingerprint: str
    ciphertext: str = field(repr=False, compare=False)


@dataclass(frozen=True)
class LocalSigner(NotPicklable):
    """A private key in this process's memory, and the ID that Layer knows it by."""

    key_id: KeyID
    private_key: PrivateKey = field(repr=False)

    def sign(self, message: bytes) -> bytes:
        """Return the RSASSA-PKCS1-v1_5 signature with SHA-256 of the message."""
        return self.private_key.sign(message)


def _load(stored: StoredPrivateKey) -> PrivateKey:
    return load_stored_private_key(
        decrypt_private_key(
            stored.ciphertext, app=stored.app, fingerprint=stored.fingerprint
        )
    )


@lru_cache(maxsize=MAX_APPS)
def _loader_of(app: int) -> Callable[[StoredPrivateKey], PrivateKey]:
    """Return what loads an app's keys, and holds the last ones."""
    return lru_cache(maxsize=MAX_KEYS)(_load)


_loading = Lock()


@hide_locals
def load_private_key(stored: StoredPrivateKey, *, anew: bool = False) -> PrivateKey:
    """
    Return the loaded key: parsed once a process, the same object ever after.

    Two rotations later it is forgotten, so that a process neither grows by its keys nor
    holds on to those of the past.

    Failures are not remembered, so a setting put right works at the next request.

    :param anew: look at what is stored, though the key may be loaded: for self-tests.
    :raises DecryptionError: if the stored key cannot be decrypted.
    :raises ConfigurationError: if ``KEY_ENCRYPTION_KEYS`` is empty or too short.
    """
    if anew:
        return _load(stored)
    with _loading:  # or a cold server's first requests would all parse it at once
        return _loader_of(stored.app)(stored)


def open_remote_signer(alias: str, key_id: KeyID, public_key: str) -> RemoteSigner:
    """
    Return a key that ``SIGNERS`` has under that alias; nobody has talked to it yet.

    :raises ConfigurationError: if there is no such alias, or its entry is of no use.
    """
    return RemoteSigner(key_id, public_key, get_backend(alias))


def clear_loaded_keys() -> None:
    """Empty the cache: for tests, and for processes that end their work with keys."""
    _loader_of.cache_clear()
