"""What is stored of a signing key, and what must be true of it at any time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import models, router
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from django_layer_identity.exceptions import KeyStateError
from django_layer_identity.keys import rsa
from django_layer_identity.keys.custodies import MAX_ALIAS_LENGTH
from django_layer_identity.keys.encryption import encrypt_private_key
from django_layer_identity.keys.public import PublicKey
from django_layer_identity.keys.signers import (
    LocalSigner,
    StoredPrivateKey,
    load_private_key,
    open_remote_signer,
)
from django_layer_identity.models.app import LayerApp
from django_layer_identity.models.reasons import MAX_REASON_LENGTH
from django_layer_identity.protocol.identifiers import KeyID

if TYPE_CHECKING:
    from typing_extensions import Self

    from django_layer_identity.protocol.signing import Signer


class StoredKey(models.Model):
    """The row of a signing key; :class:`SigningKey` adds its life."""

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        READY = "ready", _("ready")
        ACTIVE = "active", _("active")
        RETIRED = "retired", _("retired")
        REVOKED = "revoked", _("revoked")

    app = models.ForeignKey(
        LayerApp, models.PROTECT, related_name="keys", verbose_name=_("Layer app")
    )
    active_for = models.OneToOneField(
        LayerApp,
        models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="active_key",
        verbose_name=_("active for"),
    )
    key_id = models.UUIDField(
        _("key ID"),
        null=True,
        blank=True,
        help_text=_("From Layer's dashboard; it is shown beside the public key there."),
    )
    fingerprint = models.CharField(_("fingerprint"), max_length=64, editable=False)
    public_key = models.TextField(_("public key"), editable=False)
    bits = models.PositiveSmallIntegerField(_("bits"), editable=False)
    #: Alias in ``SIGNERS`` of what holds the private half; empty where it is here.
    signer = models.CharField(
        _("signer"), max_length=MAX_ALIAS_LENGTH, blank=True, editable=False
    )
    encrypted_private_key = models.TextField(
        _("encrypted private key"), blank=True, editable=False
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    tested_at = models.DateTimeField(_("tested at"), null=True, editable=False)
    activated_at = models.DateTimeField(_("activated at"), null=True, editable=False)
    last_used_at = models.DateTimeField(_("last used at"), null=True, editable=False)
    retired_at = models.DateTimeField(_("retired at"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, editable=False)
    revocation_reason = models.CharField(
        _("reason for the revocation"),
        max_length=MAX_REASON_LENGTH,
        blank=True,
        editable=False,
    )
    destroyed_at = models.DateTimeField(
        _("private half destroyed at"), null=True, editable=False
    )

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(
                name="layer_identity_key_fingerprint",
                fields=["app", "fingerprint"],
                violation_error_message=_(
                    "This key is there already: its public half is the same."
                ),
            ),
            models.UniqueConstraint(
                name="layer_identity_key_key_id",
                fields=["app", "key_id"],
                violation_error_message=_("Another key of this app has this key ID."),
            ),
            # At most one active key an app, without conditional unique constraints,
            # which MariaDB has not: ``active_for`` is unique, and NULL for the others.
            models.CheckConstraint(
                name="layer_identity_key_active",
                condition=Q(active_for__isnull=True)
                | Q(
                    active_for=F("app"),
                    key_id__isnull=False,
                    retired_at__isnull=True,
                    revoked_at__isnull=True,
                    destroyed_at__isnull=True,
                ),
                violation_error_message=_("This key cannot be active."),
            ),
            models.CheckConstraint(
                name="layer_identity_key_private_half",
                condition=Q(encrypted_private_key="")
                | Q(signer="", revoked_at__isnull=True, destroyed_at__isnull=True),
                violation_error_message=_("This key has no private half here."),
            ),
        ]

    def __str__(self) -> str:
        return str(self.key_id or self.fingerprint[:16])

    def __getstate__(self) -> dict[str, Any]:
        """Leave the private half behind: a copy reads it from its row if need be."""
        state = super().__getstate__()
        if not self._state.adding:
            state.pop("encrypted_private_key", None)
        return state

    @classmethod
    def from_private_key(
        cls,
        app: LayerApp,
        private_key: rsa.PrivateKey,
        *,
        key_id: str | UUID | None = None,
    ) -> Self:
        """Return an unsaved key of that app with its private half encrypted."""
        return cls(
            app=app,
            key_id=None if key_id is None else app.check_key_id(key_id),
            fingerprint=private_key.fingerprint,
            public_key=private_key.public_pem,
            bits=private_key.bits,
            encrypted_private_key=encrypt_private_key(
                private_key.to_der(), app=app.pk, fingerprint=private_key.fingerprint
            ),
        )

    @classmethod
    def from_public_key(
        cls,
        app: LayerApp,
        public_key: PublicKey,
        *,
        signer: str,
        key_id: str | UUID | None = None,
    ) -> Self:
        """Return an unsaved key of that app whose private half is with the signer."""
        return cls(
            app=app,
            key_id=None if key_id is None else app.check_key_id(key_id),
            fingerprint=public_key.fingerprint,
            public_key=public_key.pem,
            bits=public_key.bits,
            signer=signer,
        )

    @property
    def state(self) -> State:
        """Where the key is in its life; the times tell since when."""
        if self.revoked_at:
            return self.State.REVOKED
        if self.active_for_id:
            return self.State.ACTIVE
        if self.retired_at:
            return self.State.RETIRED
        is_ready = self.key_id and self.tested_at
        return self.State.READY if is_ready else self.State.DRAFT

    @property
    def identifier(self) -> KeyID | None:
        """The key ID as Layer writes it, once there is one."""
        return KeyID(self.key_id) if self.key_id else None

    @property
    def database(self) -> str:
        """The alias of the database that this key is written to."""
        return router.db_for_write(type(self), instance=self)

    def load_signer(self, *, anew: bool = False) -> Signer:
        """
        Return the private half, wherever it is, ready to sign under the key ID.

        :param anew: read what is stored even if this process has loaded it before.
        :raises KeyStateError: if there is no key ID yet, the key was revoked, or its
            private half destroyed.
        :raises DecryptionError: if the stored private half cannot be decrypted.
        :raises ConfigurationError: if ``KEY_ENCRYPTION_KEYS`` is not set, or
            ``SIGNERS`` has no such signer.
        """
        if self.revoked_at:
            raise KeyStateError("A revoked key never signs again.")
        if self.destroyed_at:
            raise KeyStateError("This key's private half was destroyed.")
        if self.key_id is None:
            raise KeyStateError("Enter the key ID that Layer gave to this key first.")
        key_id = KeyID(self.key_id)
        if self.signer:
            return open_remote_signer(self.signer, key_id, self.public_key)
        stored = StoredPrivateKey(
            self.app_id, self.fingerprint, self.encrypted_private_key
        )
        return LocalSigner(key_id, load_private_key(stored, anew=anew))
