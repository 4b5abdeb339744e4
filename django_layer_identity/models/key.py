"""The keys that sign identity tokens, and their lives."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, router, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from django_layer_identity.exceptions import (
    InvalidIdentifier,
    KeyExists,
    KeyStateError,
)
from django_layer_identity.keys import pem
from django_layer_identity.keys.encryption import encrypt_private_key
from django_layer_identity.keys.signers import (
    LocalSigner,
    StoredPrivateKey,
    load_private_key,
)
from django_layer_identity.models.app import LayerApp
from django_layer_identity.models.managers import SigningKeyManager
from django_layer_identity.protocol.identifiers import KeyID

SELF_TEST = b"django-layer-identity self-test"


def check_key_id(app: LayerApp, key_id: str | UUID) -> UUID:
    """
    Read the ID that Layer gave to a key of this app.

    :raises InvalidIdentifier: if it is malformed, or the ID of something else.
    """
    uuid = KeyID.parse(key_id).uuid
    for other, name in ((app.provider_id, "provider"), (app.app_id, "app")):
        if uuid == other:
            raise InvalidIdentifier(
                f"This is the Layer app's {name} ID; a key ID belongs here."
            )
    return uuid


class SigningKey(models.Model):
    """An RSA key pair whose public half is registered with Layer."""

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
    encrypted_private_key = models.TextField(
        _("encrypted private key"), blank=True, editable=False
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    activated_at = models.DateTimeField(_("activated at"), null=True, editable=False)
    retired_at = models.DateTimeField(_("retired at"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, editable=False)

    objects = SigningKeyManager()

    class Meta:
        verbose_name = _("signing key")
        verbose_name_plural = _("signing keys")
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
                | Q(active_for=F("app"), revoked_at__isnull=True, key_id__isnull=False),
                violation_error_message=_("This key cannot be active."),
            ),
        ]

    def __str__(self) -> str:
        return str(self.key_id or self.fingerprint[:16])

    @classmethod
    def from_private_key(
        cls,
        app: LayerApp,
        private_key: pem.PrivateKey,
        *,
        key_id: str | UUID | None = None,
    ) -> SigningKey:
        """Return an unsaved key of that app with its private half encrypted."""
        return cls(
            app=app,
            key_id=None if key_id is None else check_key_id(app, key_id),
            fingerprint=private_key.fingerprint,
            public_key=private_key.public_pem,
            bits=private_key.bits,
            encrypted_private_key=encrypt_private_key(
                private_key.to_der(), app=app.pk, fingerprint=private_key.fingerprint
            ),
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
        return self.State.READY if self.key_id else self.State.DRAFT

    @property
    def identifier(self) -> KeyID | None:
        """The key ID as Layer writes it, once there is one."""
        return KeyID(self.key_id) if self.key_id else None

    def signer(self) -> LocalSigner:
        """
        Return the private half, ready to sign under the key ID.

        :raises KeyStateError: if there is no key ID yet, or the key was revoked.
        :raises DecryptionError: if the stored private half cannot be decrypted.
        :raises ConfigurationError: if ``KEY_ENCRYPTION_KEYS`` is not set.
        """
        if self.revoked_at:
            raise KeyStateError("A revoked key never signs again.")
        if self.key_id is None:
            raise KeyStateError("Enter the key ID that Layer gave to this key first.")
        stored = StoredPrivateKey(
            self.app_id, self.fingerprint, self.encrypted_private_key
        )
        return LocalSigner(KeyID(self.key_id), load_private_key(stored))

    def self_test(self) -> None:
        """
        Sign with the private half and verify with the stored public half.

        :raises KeyStateError: if the halves do not belong together, or as
            :meth:`signer` does.
        :raises DecryptionError, ConfigurationError: as :meth:`signer` does.
        """
        signature = self.signer().sign(SELF_TEST)
        if not pem.verify_signature(self.public_key, SELF_TEST, signature):
            raise KeyStateError("The public half does not belong to the private half.")

    def save_unique(self) -> None:
        """
        Save; the database decides whether the key and its key ID are new.

        :raises KeyExists: if they are not.
        """
        try:
            self.validate_constraints()
            with transaction.atomic(using=self._database):
                self.save()
        except ValidationError as exc:
            raise KeyExists(" ".join(exc.messages)) from exc
        except IntegrityError as exc:
            raise KeyExists("This key or its key ID was stored a moment ago.") from exc

    def set_key_id(self, key_id: str | UUID) -> None:
        """
        Enter the key ID that Layer gave.

        :raises InvalidIdentifier: if it is none, or the ID of something else.
        :raises KeyStateError: if tokens were, or are never to be, signed with the key.
        :raises KeyExists: if another key of the app has it.
        """
        with transaction.atomic(using=self._database):
            self._lock()
            if self.activated_at or self.revoked_at:
                raise KeyStateError(
                    "This key was active or is revoked: its key ID is never changed."
                )
            self.key_id = check_key_id(self.app, key_id)
            self.save_unique()

    def activate(self) -> None:
        """
        Sign with this key from now on; the app's former key retires at once.

        A retired key can be activated again. An active one stays as it is.

        :raises KeyStateError: if it has no key ID, was revoked or fails the self-test.
        :raises DecryptionError, ConfigurationError: as :meth:`signer` does.
        """
        with transaction.atomic(using=self._database):
            self._lock()
            self.self_test()
            if self.state == self.State.ACTIVE:
                return
            now = timezone.now()
            former = SigningKey.objects.using(self._database)
            former.filter(active_for=self.app_id).update(
                active_for=None, retired_at=now
            )
            self.active_for_id = self.app_id
            self.activated_at, self.retired_at = now, None
            self.save()

    def retire(self) -> None:
        """
        Sign with this key no longer; the app is left without an active key.

        :raises KeyStateError: if it is not active.
        """
        with transaction.atomic(using=self._database):
            self._lock()
            if self.state != self.State.ACTIVE:
                raise KeyStateError(f"This key is {self.state.label}, not active.")
            self.active_for, self.retired_at = None, timezone.now()
            self.save()

    def revoke(self) -> None:
        """
        Give the key up for good and destroy its private half. There is no way back.

        Tokens that it signed live on until they expire.
        """
        with transaction.atomic(using=self._database):
            self._lock()
            self.active_for, self.encrypted_private_key = None, ""
            self.revoked_at = self.revoked_at or timezone.now()
            self.save()

    @property
    def _database(self) -> str:
        return router.db_for_write(SigningKey, instance=self)

    def _lock(self) -> None:
        """Let an app's keys change one at a time, and look at this one again."""
        LayerApp.objects.lock(self.app_id, self._database)
        keys = SigningKey.objects.using(self._database).select_for_update()
        self.refresh_from_db(from_queryset=keys)
