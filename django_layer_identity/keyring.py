"""
Create signing keys, and encrypt the stored ones anew.

The three functions that create a key also raise :exc:`InvalidIdentifier` if the key ID is
none, :exc:`KeyExists` if the app has the key, or the key ID, already,
:exc:`KeyStateError` if it is to be activated and has no key ID, or another one is
activated at the same time, first, and :exc:`ConfigurationError` if
``KEY_ENCRYPTION_KEYS`` is not set or ``SIGNERS`` has no such alias.
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
    Take in the private key that Layer's dashboard showed once.

    :param data: PEM or DER, PKCS#1 or PKCS#8; stored encrypted, never shown again.
    :param key_id: the ID that Layer's dashboard shows for it, if known yet.
    :param passphrase: needed where the key is encrypted; never kept.
    :raises InvalidKey: if it is no RSA private key of an accepted size.
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
    Make a key pair here; its public half is to be registered with Layer.

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
    Take in the public half of a key that ``SIGNERS`` has under that alias.

    :raises SigningBackendError: if it cannot be read there, or does not sign.
    :raises InvalidKey: if it is no RSA key of an accepted size.
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
        # First, or two that activate would each wait for the other: with the key
        # goes a shared lock on its app.
        LayerApp.objects.lock(app.pk, using)
        key = make()
        key.save_unique()
        if activate:
            key.activate_replacing(former)
        elif key.key_id:
            key.run_self_test()
        return key

    return retry_on_conflict(write, using=using)


@dataclass
class Reencryption:
    """What was done, and what each row that could not be decrypted says."""

    reencrypted: int = 0
    unchanged: int = 0
    failures: list[str] = field(default_factory=list)


def reencrypt_private_keys(
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Reencryption:
    """
    Encrypt each stored private half with the first entry, unless it is so already.

    Each key is a transaction of its own, and damaged ones are left as they are: whether
    it was interrupted or failed for some, the same again goes on where it was.

    :param progress: is told after each key how many are done, and of how many.
    :raises ConfigurationError: if there is no entry, or one too short.
    """
    done = Reencryption()
    keys = SigningKey.objects.using(router.db_for_write(SigningKey))
    stored = keys.exclude(encrypted_private_key="").order_by("pk")
    pks = list(stored.values_list("pk", flat=True))
    for number, pk in enumerate(pks, start=1):
        _reencrypt(keys.filter(pk=pk), done)
        progress(number, len(pks))
    return done


def _reencrypt(keys: QuerySet[SigningKey], done: Reencryption) -> None:
    try:
        changed = keys.get().reencrypt_private_key()
    except (SigningKey.DoesNotExist, NotFound):
        return  # deleted a moment ago
    except DecryptionError as exc:
        done.failures.append(str(exc))
    else:
        done.reencrypted += changed
        done.unchanged += not changed
