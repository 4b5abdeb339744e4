"""The public data of all Layer apps and keys, as Layer would know them."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from django.db import router
from django.utils import timezone

from django_layer_identity.exceptions import InvalidKey
from django_layer_identity.models.app import LayerApp
from django_layer_identity.models.key import SigningKey
from django_layer_identity.protocol.explain import Inspection
from django_layer_identity.protocol.known_keys import KnownKey

logger = logging.getLogger("django_layer_identity")


@dataclass(frozen=True)
class Registrations:
    """The Layer apps of the project and the public keys."""

    apps: list[LayerApp]
    keys: list[KnownKey]

    def inspect(
        self, token: object, app: LayerApp | None, nonce: str | None = None
    ) -> Inspection:
        """
        Return the inspection of a token, by Layer's rules.

        :param app: the app that the client connects to; None means any.
        :param nonce: the nonce that the client got; None skips the comparison.
        """
        return Inspection(
            token,
            keys=tuple(self.keys),
            app=None if app is None else app.identifier,
            provider=None if app is None else app.provider,
            providers=frozenset(other.provider for other in self.apps),
            nonce=nonce,
            now=timezone.now(),
        )


def load_registrations() -> Registrations:
    """
    Read every app and every key from the write database.

    A key whose public key is damaged is logged and left out.
    """
    using = router.db_for_write(LayerApp)
    apps = list(LayerApp.objects.using(using))
    keys = SigningKey.objects.using(using).defer("encrypted_private_key")
    known = []
    for key in keys.select_related("app"):
        try:
            known.append(key.as_known_key())
        except InvalidKey:
            line = "The public key of signing key %s is damaged. Restore its row."
            logger.error(line, key)
    return Registrations(apps, known)
