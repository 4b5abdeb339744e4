"""
Create signing keys, and encrypt the stored private keys again.

The three functions that create a key also raise these exceptions:

* :exc:`InvalidIdentifier` if the key ID is invalid;
* :exc:`KeyExists` if the app already has this key or this key ID. But the private key
  of a key that cannot be decrypted any more may be imported again;
* :exc:`KeyStateError` if ``activate`` is true, and the key ID is missing or another key
  was activated at the same time;
* :exc:`ConfigurationError` if ``KEY_ENCRYPTION_KEYS`` is not set, or ``SIGNERS`` lacks
  the alias.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from django.db import router
from django.db.models import QuerySet

from django_layer_identity.exceptions import DecryptionError, NotFound
from django_layer_identity.keys import rsa
from django_layer_identity.keys.backends import get_backend
from django_layer_identity.keys.reading import read_private_key
from django_layer_identity.keys.secrets import hide_locals
from django_layer_identity.models import LayerApp, SigningKey
from django_layer_identity.models.locking import retry_on_conflict


@hide_locals
def import_private_key(
    app: LayerApp,
    data: bytes | str,
    *,
    key_id: str | UUID | None = None,
    activate: bool = False,
    passphrase: str | None = None,
) -> SigningKey:
    """
    Import a private key, such as the one that Layer's dashboard showed once.

    If the app has this key and no entry of ``KEY_ENCRYPTION_KEYS`` decrypts it, or its
    row is damaged, the private key is stored again in the same row. Its key ID and
    state stay. This is refused if the key was revoked or its private key destroyed.

    :param data: PEM or DER, PKCS#1 or PKCS#8. It is stored encrypted and never shown.
    :param key_id: the ID that Layer's dashboard showed for the key, or a new UUID. A key
        that is stored again keeps its key ID, and another one is refused.
    :param passphrase: needed if the key is encrypted. It is never stored.
    :raises InvalidKey: if it is not an RSA private key of an accepted size.
    """
    private_key = read_private_key(data, passphrase)
    make = partial(SigningKey.from_private_key, app, private_key, key_id=key_id)
    return _store(app, make, activate)


def generate_private_key(
    app: LayerApp,
    *,
    bits: int = 2048,
    key_id: str | UUID | None = None,
    activate: bool = False,
) -> SigningKey:
    """
    Generate a key pair. Verifiers need its public key.

    :raises InvalidKey: if the size is not 2048, 3072 or 4096 bits.
    """
    private_key = rsa.generate_private_key(bits)
    make = partial(SigningKey.from_private_key, app, private_key, key_id=key_id)
    return _store(app, make, activate)


def link_remote_key(
    app: LayerApp,
    alias: str,
    *,
    key_id: str | UUID | None = None,
    activate: bool = False,
) -> SigningKey:
    """
    Store the public key of the signing backend with this alias in ``SIGNERS``.

    :raises SigningBackendError: if the backend does not return the public key, or fails
        the self-test, which runs only if ``key_id`` is given.
    :raises InvalidKey: if it is not an RSA key of an accepted size.
    """
    public_key = rsa.read_public_key(get_backend(alias).public_key())
    make = partial(
        SigningKey.from_public_key, app, public_key, signer=alias, key_id=key_id
    )
    return _store(app, make, activate)


def _store(app: LayerApp, make: Callable[[], SigningKey], activate: bool) -> SigningKey:
    using = router.db_for_write(SigningKey)
    former = SigningKey.objects.get_active_pk(app.pk, using)

    def write() -> SigningKey:
        # Lock the app first. Saving the key takes a shared lock on its app, so two
        # concurrent activations would otherwise deadlock.
        LayerApp.objects.lock(app.pk, using)
        key = make()
        key.save_unique()
        if activate:
            key.activate_replacing(former)
        elif key.key_id and not key.was_stored_again:  # that ran the self-test
            key.run_self_test()
        return key

    return retry_on_conflict(write, using=using)


@dataclass
class ReencryptionResult:
    """The counts of a re-encryption, and one message for each key that failed."""

    reencrypted: int = 0
    unchanged: int = 0
    failures: list[str] = field(default_factory=list)


def reencrypt_private_keys(
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> ReencryptionResult:
    """
    Encrypt each stored private key with the first entry of ``KEY_ENCRYPTION_KEYS``.

    Keys that are already encrypted with the first entry stay unchanged. Keys that
    cannot be decrypted stay unchanged too, and are listed in the result's failures.
    Each key has its own transaction, so it is safe to interrupt and repeat this.

    :param progress: called after each key with two numbers: finished keys and all keys.
    :raises ConfigurationError: if the setting is empty or an entry is too short.
    """
    done = ReencryptionResult()
    keys = SigningKey.objects.using(router.db_for_write(SigningKey))
    stored = keys.exclude(encrypted_private_key="").order_by("pk")
    pks = list(stored.values_list("pk", flat=True))
    for number, pk in enumerate(pks, start=1):
        _reencrypt(keys.filter(pk=pk), done)
        progress(number, len(pks))
    return done


def _reencrypt(keys: QuerySet[SigningKey], done: ReencryptionResult) -> None:
    try:
        changed = keys.get().reencrypt_private_key()
    except (SigningKey.DoesNotExist, NotFound):
        return  # another process has just deleted it
    except DecryptionError as exc:
        done.failures.append(str(exc))
    else:
        done.reencrypted += changed
        done.unchanged += not changed
