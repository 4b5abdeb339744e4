"""Look apps and keys up, and bring keys into being."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import IntegrityError, models, router, transaction
from django.views.decorators.debug import sensitive_variables

from django_layer_identity.exceptions import (
    AppExists,
    AppIDRequired,
    AppUnknown,
    InvalidIdentifier,
    NotFound,
)
from django_layer_identity.keys import pem
from django_layer_identity.protocol.identifiers import AppID, KeyID, ProviderID

if TYPE_CHECKING:
    from django_layer_identity.models.app import LayerApp
    from django_layer_identity.models.key import SigningKey


class LayerAppManager(models.Manager["LayerApp"]):
    def for_issuing(self, app: LayerApp | str | None) -> LayerApp:
        """
        Return the enabled app with its active key: one query, in the write database.

        :param app: a Layer app, an app ID in any form, or None for the only one.
        :raises AppIDRequired: if None was given and several are enabled.
        :raises AppUnknown: if there is no such app, or it is disabled.
        """
        enabled = self.using(router.db_for_write(self.model)).filter(enabled=True)
        enabled = enabled.select_related("active_key")
        if app is None:
            return self._only_one(list(enabled[:2]))
        try:
            wanted = app.identifier if isinstance(app, self.model) else AppID.parse(app)
        except InvalidIdentifier as exc:
            raise AppUnknown from exc
        found = enabled.filter(app_id=wanted.uuid).first()
        if found is None or not found.identifier.matches(wanted):
            raise AppUnknown
        return found

    @staticmethod
    def _only_one(apps: list[LayerApp]) -> LayerApp:
        if len(apps) > 1:
            raise AppIDRequired
        if not apps:
            raise AppUnknown
        return apps[0]

    def named(self, text: str | None) -> LayerApp:
        """
        Return the app that an administrator means, enabled or not.

        :param text: an app ID in any accepted form, or None for the only app.
        :raises NotFound: if there is none, or None was given and there are several.
        :raises InvalidIdentifier: if the text is no app ID.
        """
        if text is None:
            apps = list(self.all()[:2])
            if len(apps) != 1:
                raise NotFound("Name the Layer app: there is not exactly one.")
            return apps[0]
        wanted = AppID.parse(text)
        found = self.filter(app_id=wanted.uuid).first()
        if found is None or not found.identifier.matches(wanted):
            raise NotFound(f"There is no Layer app with the app ID {wanted}.")
        return found

    def lock(self, pk: int, using: str) -> None:
        """Hold an app's row to the end of the transaction: its keys change in turn."""
        self.using(using).select_for_update().get(pk=pk)

    def ensure(self, *, name: str, app_id: AppID, provider_id: ProviderID) -> LayerApp:
        """
        Return the app, created if need be: the same again changes nothing.

        :param app_id: its environment is production if it names none.
        :raises AppExists: if an app of that ID differs in anything else.
        :raises ValidationError: if the name is too long.
        """
        app = self.model(
            name=name,
            app_id=app_id.uuid,
            environment=app_id.environment or "production",
            provider_id=provider_id.uuid,
        )
        app.clean_fields()
        try:
            with transaction.atomic(using=router.db_for_write(self.model)):
                app.save(force_insert=True)
        except IntegrityError:
            pass  # there is one
        else:
            return app
        found = self.using(router.db_for_write(self.model)).get(app_id=app.app_id)
        for field in ("name", "environment", "provider_id"):
            if getattr(found, field) != getattr(app, field):
                raise AppExists(
                    f"There is a Layer app with this app ID, and its {field} is "
                    f"{getattr(found, field)}."
                )
        return found


class SigningKeyManager(models.Manager["SigningKey"]):
    @sensitive_variables("text")
    def import_private_key(
        self,
        app: LayerApp,
        text: str,
        *,
        key_id: str | UUID | None = None,
        activate: bool = False,
    ) -> SigningKey:
        """
        Take in the private key that Layer's dashboard showed once.

        :param text: PEM, PKCS#1 or PKCS#8; stored encrypted, never shown again.
        :param key_id: the ID that Layer's dashboard shows for it, if known yet.
        :raises InvalidKey: if the text is no RSA private key of an accepted size.
        :raises InvalidIdentifier: if the key ID is none.
        :raises KeyExists: if the app has this key, or the key ID, already.
        :raises KeyStateError: if it is to be activated and has no key ID.
        :raises ConfigurationError: if ``KEY_ENCRYPTION_KEYS`` is not set.
        """
        return self._store(app, pem.read_private_key(text), key_id, activate)

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
        :raises KeyStateError: if it is to be activated and has no key ID.
        :raises ConfigurationError: if ``KEY_ENCRYPTION_KEYS`` is not set.
        """
        return self._store(app, pem.generate_private_key(bits), key_id, activate)

    def _store(
        self,
        app: LayerApp,
        private_key: pem.PrivateKey,
        key_id: str | UUID | None,
        activate: bool,
    ) -> SigningKey:
        key = self.model.from_private_key(app, private_key, key_id=key_id)
        using = router.db_for_write(self.model)
        with transaction.atomic(using=using):
            # First, or two that activate would each wait for the other: with the key
            # goes a shared lock on its app.
            type(app).objects.lock(app.pk, using)
            key.save_unique()
            if activate:
                key.activate()
        return key

    def named(self, text: str, app: LayerApp | None = None) -> SigningKey:
        """
        Return the key that an administrator means.

        :param text: a key ID in any form, or the first 8 or more digits of a
            fingerprint.
        :param app: whose key it is, as two apps may have the same.
        :raises NotFound: if there is no such key, or more than one.
        """
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
