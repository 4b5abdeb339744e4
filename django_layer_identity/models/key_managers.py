"""Look keys up, and bring them into being."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import models, router

from django_layer_identity.exceptions import (
    InvalidIdentifier,
    KeyStateError,
    NotFound,
)
from django_layer_identity.keys import rsa
from django_layer_identity.keys.custodies import open_custody
from django_layer_identity.keys.public import read_public_key
from django_layer_identity.keys.secrets import forgets
from django_layer_identity.models.locking import write_or_retry
from django_layer_identity.protocol.identifiers import KeyID

if TYPE_CHECKING:
    from django_layer_identity.models.app import LayerApp
    from django_layer_identity.models.key_life import SigningKey


MAX_NAME_LENGTH = 80  # characters; what is longer names no key, and may be one


class SigningKeyQuerySet(models.QuerySet["SigningKey"]):
    def delete(self) -> tuple[int, dict[str, int]]:
        """
        Delete the keys, unless tokens are signed with one of them.

        :raises KeyStateError: if one is active; then none is deleted.
        """
        using = router.db_for_write(self.model)
        keys = self.using(using)

        def write() -> tuple[int, dict[str, int]]:
            held = dict(
                keys.select_for_update().order_by("pk").values_list("pk", "active_for")
            )
            if any(held.values()):
                raise KeyStateError(
                    "An active key is not deleted: retire or revoke it first."
                )
            # Those that are held: others may have come to match, and be active.
            these = type(self)(self.model, using=using).filter(pk__in=held)
            return super(SigningKeyQuerySet, these).delete()

        self._result_cache = None
        return write_or_retry(write, using=using)

    def destroy_private_keys(self) -> int:
        """Destroy the private halves of those that are retired; return how many."""
        destroyed = 0
        for key in self.filter(retired_at__isnull=False).exclude(
            encrypted_private_key=""
        ):
            with suppress(KeyStateError):  # activated, or revoked, a moment ago
                key.destroy_private_key()
                destroyed += 1
        return destroyed


class SigningKeyManager(models.Manager["SigningKey"]):
    def get_queryset(self) -> SigningKeyQuerySet:
        return SigningKeyQuerySet(self.model, using=self._db)

    @forgets
    def import_private_key(
        self,
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
        :raises InvalidIdentifier: if the key ID is none.
        :raises KeyExists: if the app has this key, or the key ID, already.
        :raises KeyStateError: if it is to be activated and has no key ID, or another
            one is activated at the same time, first.
        :raises ConfigurationError: if ``KEY_ENCRYPTION_KEYS`` is not set.
        """
        private_key = rsa.read_private_key(data, passphrase)
        make = partial(self.model.from_private_key, app, private_key, key_id=key_id)
        return self._store(app, make, activate)

    def generate(
        self,
        app: LayerApp,
        *,
        bits: int = 2048,
        key_id: str | UUID | None = None,
        activate: bool = False,
    ) -> SigningKey:
        """
        Make a key pair here; its public half is to be registered with Layer.

        :raises InvalidKey: if the size is not 2048, 3072 or 4096 bits.
        :raises InvalidIdentifier: if the key ID is none.
        :raises KeyExists: if the app has the key ID already.
        :raises KeyStateError: if it is to be activated and has no key ID, or another
            one is activated at the same time, first.
        :raises ConfigurationError: if ``KEY_ENCRYPTION_KEYS`` is not set.
        """
        private_key = rsa.generate_private_key(bits)
        make = partial(self.model.from_private_key, app, private_key, key_id=key_id)
        return self._store(app, make, activate)

    def import_from_signer(
        self,
        app: LayerApp,
        alias: str,
        *,
        key_id: str | UUID | None = None,
        activate: bool = False,
    ) -> SigningKey:
        """
        Take in the public half of a key that ``SIGNERS`` has under that alias.

        :raises CustodyError: if it cannot be read there, or does not sign.
        :raises InvalidKey: if it is no RSA key of an accepted size.
        :raises InvalidIdentifier: if the key ID is none.
        :raises KeyExists: if the app has this key, or the key ID, already.
        :raises KeyStateError: if it is to be activated and has no key ID, or another
            one is activated at the same time, first.
        :raises ConfigurationError: if there is no such alias.
        """
        public_key = read_public_key(open_custody(alias).public_key())
        make = partial(
            self.model.from_public_key, app, public_key, signer=alias, key_id=key_id
        )
        return self._store(app, make, activate)

    def _store(
        self, app: LayerApp, make: Callable[[], SigningKey], activate: bool
    ) -> SigningKey:
        using = router.db_for_write(self.model)
        former = self.active_in(app.pk, using)

        def write() -> SigningKey:
            # First, or two that activate would each wait for the other: with the key
            # goes a shared lock on its app.
            type(app).objects.lock(app.pk, using)
            key = make()
            key.save_unique()
            if activate:
                key.activate_in_place_of(former)
            elif key.key_id:
                key.run_self_test()
            return key

        return write_or_retry(write, using=using)

    def active_in(self, app_id: int, using: str) -> int | None:
        """Return the primary key of an app's active key."""
        active = self.using(using).filter(active_for=app_id)
        return active.values_list("pk", flat=True).first()

    def named(self, text: str, app: LayerApp | None = None) -> SigningKey:
        """
        Return the key that an administrator means.

        :param text: a key ID in any form, or the first 8 or more digits of a
            fingerprint.
        :param app: whose key it is, as two apps may have the same.
        :raises NotFound: if there is no such key, or more than one.
        """
        text = text if len(text) <= MAX_NAME_LENGTH else f"{text[:16]}…"
        try:
            found = self.filter(key_id=KeyID.parse(text).uuid)
        except InvalidIdentifier:
            if re.fullmatch(r"[0-9a-f]{8,64}", text.lower()) is None:
                raise NotFound(
                    f"{text!r} is neither a key ID nor the first 8 or more digits of "
                    "a fingerprint."
                ) from None
            found = self.filter(fingerprint__startswith=text.lower())
        if app is not None:
            found = found.filter(app=app)
        keys = list(found[:2])
        if len(keys) != 1:
            count = "more than one" if keys else "no"
            hint = " Name its Layer app." if keys else ""
            raise NotFound(f"There is {count} signing key named {text!r}.{hint}")
        return keys[0]
