"""Get the signer of a stored key: a private key from the cache, or a remote key."""

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

MAX_APPS = 64  # apps with cached keys in one process; a key takes about 14 kilobytes
MAX_KEYS = 2  # cached keys of one app: the active one, and the previous for a rollback


@dataclass(frozen=True)
class StoredPrivateKey(NotPicklable):
    """An encrypted private key. Equality compares only the app and the fingerprint."""

    app: int  # primary key of the Layer app
    fingerprint: str
    ciphertext: str = field(repr=False, compare=False)


@dataclass(frozen=True)
class LocalSigner(NotPicklable):
    """A private key in the memory of this process, with its key ID."""

    key_id: KeyID
    private_key: PrivateKey = field(repr=False)

    def sign(self, message: bytes) -> bytes:
        """Sign the message with RSASSA-PKCS1-v1_5 and SHA-256; return the signature."""
        return self.private_key.sign(message)


def _load(stored: StoredPrivateKey) -> PrivateKey:
    return load_stored_private_key(
        decrypt_private_key(
            stored.ciphertext, app=stored.app, fingerprint=stored.fingerprint
        )
    )


@lru_cache(maxsize=MAX_APPS)
def _cached_loader(app: int) -> Callable[[StoredPrivateKey], PrivateKey]:
    """Return the function that loads the keys of this app and caches the last ones."""
    return lru_cache(maxsize=MAX_KEYS)(_load)


_loading = Lock()


@hide_locals
def load_private_key(stored: StoredPrivateKey, *, fresh: bool = False) -> PrivateKey:
    """
    Return the private key. Each process parses it once and returns the same object.

    The cache drops the key after two rotations. So old private keys do not stay in
    memory, and the memory use does not grow with each rotation.

    Failures are not cached: after ``KEY_ENCRYPTION_KEYS`` is corrected, the next call
    succeeds.

    :param fresh: bypass the cache and load the stored key again, for self-tests.
    :raises DecryptionError: if the stored key cannot be decrypted.
    :raises ConfigurationError: if ``KEY_ENCRYPTION_KEYS`` is empty or an entry is too
        short.
    """
    if fresh:
        return _load(stored)
    with _loading:  # otherwise all first requests of a new process would parse the key
        return _cached_loader(stored.app)(stored)


def open_remote_signer(alias: str, key_id: KeyID, public_key: str) -> RemoteSigner:
    """
    Return the signer of a remote key, without calling its backend.

    :raises ConfigurationError: if ``SIGNERS`` lacks the alias or its entry is invalid.
    """
    return RemoteSigner(key_id, public_key, get_backend(alias))


def clear_loaded_keys() -> None:
    """Clear the cache, in tests or when a process does not need its keys any more."""
    _cached_loader.cache_clear()
