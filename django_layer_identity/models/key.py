"""Signing keys and their lifecycle."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, router, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from django_layer_identity.exceptions import (
    ConfigurationError,
    DecryptionError,
    InvalidIdentifier,
    KeyExists,
    KeyStateError,
    NotFound,
)
from django_layer_identity.keys.backends import MAX_ALIAS_LENGTH
from django_layer_identity.keys.encryption import (
    decrypt_private_key,
    encrypt_private_key,
    has_encryption_key,
    reencrypt_private_key,
)
from django_layer_identity.keys.rsa import PrivateKey, PublicKey, verify_signature
from django_layer_identity.keys.secrets import hide_locals
from django_layer_identity.keys.signers import (
    LocalSigner,
    StoredPrivateKey,
    load_private_key,
    open_remote_signer,
)
from django_layer_identity.models.app import LayerApp
from django_layer_identity.models.locking import (
    lock_and_refresh,
    retry_on_conflict,
    serialized,
)
from django_layer_identity.models.reasons import MAX_REASON_LENGTH, clean_reason
from django_layer_identity.protocol.identifiers import KeyID
from django_layer_identity.protocol.known_keys import KnownKey

if TYPE_CHECKING:
    from typing_extensions import Self

    from django_layer_identity.protocol.signing import Signer

MAX_LOOKUP_LENGTH = 80  # characters; longer input may be a pasted key: echo its start
SELF_TEST = b"django-layer-identity self-test"
ALREADY_STORED = _("The Layer app already has this key: the public key is the same.")
#: Fields that only lifecycle methods set; a new key must not have them.
LIFECYCLE_FIELDS = (
    *("active_for_id", "tested_at", "activated_at", "retired_at", "revoked_at"),
    *("revocation_reason", "destroyed_at"),
)
#: Fields that save() must not change, because the object may be stale.
IMMUTABLE_FIELDS = (
    *(*LIFECYCLE_FIELDS, "app_id", "key_id"),
    *("signer", "fingerprint", "public_key", "encrypted_private_key"),
)


class SigningKeyQuerySet(models.QuerySet["SigningKey"]):
    def in_state(self, state: str) -> Self:
        """Return the keys whose :attr:`SigningKey.state` is this one."""
        states = self.model.State
        is_ready = Q(key_id__isnull=False, tested_at__isnull=False)
        is_idle = Q(revoked_at__isnull=True, active_for__isnull=True)
        is_new = is_idle & Q(retired_at__isnull=True)
        conditions = {
            states.DRAFT: is_new & ~is_ready,
            states.READY: is_new & is_ready,
            states.ACTIVE: Q(active_for__isnull=False),
            states.RETIRED: is_idle & Q(retired_at__isnull=False),
            states.REVOKED: Q(revoked_at__isnull=False),
        }
        return self.filter(conditions[states(state)])

    def delete(self) -> tuple[int, dict[str, int]]:
        """
        Delete the keys.

        :raises KeyStateError: if one of them is active; then none is deleted.
        """
        using = router.db_for_write(self.model)
        keys = self.using(using)

        def write() -> tuple[int, dict[str, int]]:
            held = dict(
                keys.select_for_update().order_by("pk").values_list("pk", "active_for")
            )
            if any(held.values()):
                raise KeyStateError(
                    "An active key cannot be deleted. Retire or revoke it first."
                )
            # Only the locked keys: others may match by now, and may be active.
            these = type(self)(self.model, using=using).filter(pk__in=held)
            return super(SigningKeyQuerySet, these).delete()

        self._result_cache = None
        return retry_on_conflict(write, using=using)


class SigningKeyManager(models.Manager["SigningKey"]):
    def get_queryset(self) -> SigningKeyQuerySet:
        return SigningKeyQuerySet(self.model, using=self._db)

    def get_active_pk(self, app_id: int, using: str) -> int | None:
        """Return the primary key of an app's active key."""
        active = self.using(using).filter(active_for=app_id)
        return active.values_list("pk", flat=True).first()

    def get_by_id_or_fingerprint(
        self, text: str, app: LayerApp | None = None
    ) -> SigningKey:
        """
        Return the key with this ID or fingerprint.

        :param text: a key ID in any form, or the first 8 or more digits of a
            fingerprint.
        :param app: the key's app, because two apps may share a key.
        :raises NotFound: if not exactly one key matches.
        """
        text = text if len(text) <= MAX_LOOKUP_LENGTH else f"{text[:16]}…"
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
            if keys:
                raise NotFound(
                    f"Several signing keys match {text!r}. Name the Layer app too."
                )
            raise NotFound(f"No signing key matches {text!r}.")
        return keys[0]


class SigningKey(models.Model):
    """An RSA key pair of a Layer app. Verifiers need its public key."""

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
        help_text=_(
            "A UUID that you make up, or the one that Layer's dashboard showed beside the "
            "public key."
        ),
    )
    fingerprint = models.CharField(_("fingerprint"), max_length=64, editable=False)
    public_key = models.TextField(_("public key"), editable=False)
    bits = models.PositiveSmallIntegerField(_("bits"), editable=False)
    #: Alias in ``SIGNERS`` of the backend that holds the private key; else empty.
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
        _("private key destroyed at"), null=True, editable=False
    )

    objects = SigningKeyManager()

    #: Whether :meth:`save_unique` found this key and stored its private key again.
    was_stored_again = False

    class Meta:
        verbose_name = _("signing key")
        verbose_name_plural = _("signing keys")
        permissions = [
            ("activate_signingkey", "Can activate signing key"),
            ("retire_signingkey", "Can retire signing key"),
            ("revoke_signingkey", "Can revoke signing key"),
            ("destroy_signingkey", "Can destroy private key of signing key"),
        ]
        constraints = [
            models.UniqueConstraint(
                name="layer_identity_key_fingerprint",
                fields=["app", "fingerprint"],
                violation_error_message=ALREADY_STORED,
            ),
            models.UniqueConstraint(
                name="layer_identity_key_key_id",
                fields=["app", "key_id"],
                violation_error_message=_(
                    "Another key of this Layer app has this key ID."
                ),
            ),
            # At most one active key per app. MariaDB has no conditional unique
            # constraints, so ``active_for`` is unique, and NULL for all other keys.
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
                violation_error_message=_(
                    "A revoked key, a key in a signing backend or a key whose private "
                    "key was destroyed must not store a private key."
                ),
            ),
        ]

    def __str__(self) -> str:
        return str(self.key_id or self.fingerprint[:16])

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the private key; a copy reads it from the database when needed."""
        state = super().__getstate__()
        if not self._state.adding:
            state.pop("encrypted_private_key", None)
        return state

    def save(self, **kwargs: Any) -> None:
        """
        Save the key, and refuse changes to :data:`IMMUTABLE_FIELDS`.

        ``key_id`` may change until the first activation.

        :raises KeyStateError: if an immutable field differs from the stored value, or a
            new key has a value in one of :data:`LIFECYCLE_FIELDS`.
        """
        using = kwargs.get("using") or self.database
        with transaction.atomic(using=using):
            LayerApp.objects.lock(self.app_id, using)
            stored = type(self)._default_manager.using(using).filter(pk=self.pk)
            if stored_values := stored.values(*IMMUTABLE_FIELDS).first():
                self._refuse_changes(stored_values)
            else:
                self._refuse_lifecycle_values()
            super().save(**kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """
        Delete the key.

        :raises KeyStateError: if it is active.
        """
        this = type(self)._default_manager.using(self.database).filter(pk=self.pk)
        deleted = this.delete()
        self.pk = None
        return deleted

    @classmethod
    def from_private_key(
        cls,
        app: LayerApp,
        private_key: PrivateKey,
        *,
        key_id: str | UUID | None = None,
    ) -> Self:
        """Return an unsaved key of the app, with its private key encrypted."""
        key = cls.from_public_key(app, private_key.public_key, key_id=key_id)
        key.encrypted_private_key = encrypt_private_key(
            private_key.to_der(), app=app.pk, fingerprint=key.fingerprint
        )
        return key

    @classmethod
    def from_public_key(
        cls,
        app: LayerApp,
        public_key: PublicKey,
        *,
        key_id: str | UUID | None = None,
        signer: str = "",
    ) -> Self:
        """Return an unsaved key without a private key; ``signer`` names its backend."""
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
        """The lifecycle state, derived from the timestamps and ``active_for``."""
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
        """The key ID as Layer writes it, or None."""
        return KeyID(self.key_id) if self.key_id else None

    @property
    def lacks_encryption_key(self) -> bool:
        """
        Whether no entry of ``KEY_ENCRYPTION_KEYS`` decrypts the stored private key.

        Nothing is decrypted: the stored text names the entry that encrypted it.
        """
        stored = self.encrypted_private_key
        return bool(stored) and not has_encryption_key(stored)

    @property
    def database(self) -> str:
        """The alias of the write database of this key."""
        return router.db_for_write(type(self), instance=self)

    def _save_transition(self) -> None:
        """Save without the checks of save(); the caller holds the app's lock."""
        super().save()

    def save_unique(self) -> None:
        """
        Save a new key, or store the private key of the app's same key again.

        The second happens only if the stored private key cannot be decrypted. This
        object becomes the stored key, whose key ID and state stay. If it has a key ID,
        the self-test runs first.

        :raises KeyExists: if the app already has this key and does not store it again,
            or has another key with this key ID.
        :raises KeyStateError: if the self-test fails.
        """
        with transaction.atomic(using=self.database):
            LayerApp.objects.lock(self.app_id, self.database)
            same = self.find_same() if self.encrypted_private_key else None
            if same is None:
                with self.unique_or_key_exists():
                    self.save()
            else:
                self._store_again(same.pk)

    save_unique.alters_data = True  # type: ignore[attr-defined]

    def find_same(self) -> SigningKey | None:
        """Return the app's stored key with this public key."""
        keys = SigningKey.objects.using(self.database)
        return keys.filter(app=self.app_id, fingerprint=self.fingerprint).first()

    @hide_locals
    def check_unreadable(self) -> None:
        """
        Check that the private key cannot be decrypted and may be stored again.

        :raises KeyExists: if it can be decrypted, was destroyed, or is in a backend.
        """
        if self.revoked_at:
            reason = "It was revoked, so it is never stored again. Use another key."
        elif self.destroyed_at:
            reason = (
                "Its private key was destroyed, so it is not stored again. Use another "
                "key."
            )
        elif self.signer:
            reason = f"The signing backend {self.signer!r} holds its private key."
        else:
            stored, app = self.encrypted_private_key, self.app_id
            try:
                decrypt_private_key(stored, app=app, fingerprint=self.fingerprint)
            except (DecryptionError, ConfigurationError):
                return
            reason = ""
        raise KeyExists(f"{ALREADY_STORED} {reason}".rstrip())

    def check_same_key_id(self, key_id: UUID | None) -> None:
        """
        Check the key ID that was entered for this stored key; None means any.

        :raises KeyExists: if it differs from the stored key ID.
        """
        if key_id and self.key_id and key_id != self.key_id:
            raise KeyExists(
                f"The Layer app already has this key, with the key ID {self.identifier}. "
                "Enter that key ID, or none."
            )

    def _store_again(self, pk: int) -> None:
        """Become the stored key, with the private key and the key ID of this one."""
        ciphertext, key_id = self.encrypted_private_key, self.key_id
        self.pk, self._state.adding = pk, False
        lock_and_refresh(self)
        self.check_unreadable()
        self.check_same_key_id(key_id)
        self.encrypted_private_key = ciphertext
        self.key_id = self.key_id or key_id
        self.was_stored_again = True
        with self.unique_or_key_exists():
            if self.key_id:
                self._test()
            self._save_transition()

    @contextmanager
    def unique_or_key_exists(self) -> Iterator[None]:
        """
        Check the constraints, then run the block; turn a violation into KeyExists.

        :raises KeyExists: if the app already has a key with this public key or key ID.
        """
        try:
            self.validate_constraints()
            with transaction.atomic(using=self.database):
                yield
        except ValidationError as exc:
            raise KeyExists(" ".join(exc.messages)) from exc
        except IntegrityError as exc:
            raise KeyExists(
                "Another request has just stored this key or its key ID."
            ) from exc

    def _refuse_lifecycle_values(self) -> None:
        if done := [name for name in LIFECYCLE_FIELDS if getattr(self, name)]:
            raise KeyStateError(
                f"A new key must not have {', '.join(done)}. Save the key first, then "
                "call a method such as activate(), retire() or revoke()."
            )

    def _refuse_changes(self, stored_values: dict[str, Any]) -> None:
        fields = {field.attname: field for field in self._meta.concrete_fields}
        changed = [
            name
            for name, value in stored_values.items()
            # Code may have assigned the key ID as a string.
            if fields[name].to_python(getattr(self, name)) != value
        ]
        if not stored_values["activated_at"] and "key_id" in changed:
            changed.remove("key_id")
        if changed:
            raise KeyStateError(
                f"save() cannot change {', '.join(changed)}. Call refresh_from_db() "
                "first, then a method such as set_key_id(), activate() or retire()."
            )

    def as_known_key(self) -> KnownKey:
        """Return the public key with its IDs and state, to verify or explain tokens."""
        return KnownKey(
            key_id=str(self.identifier or ""),
            public_key=self.public_key,
            app_id=str(self.app.identifier),
            provider_id=str(self.app.provider),
            state=self.state.value,
        )

    def load_signer(self, *, fresh: bool = False) -> Signer:
        """
        Return the signer: the private key, stored here or in a backend, with its ID.

        :param fresh: read the stored key even if this process has already loaded it.
        :raises KeyStateError: if the key has no key ID yet, was revoked, or its private
            key was destroyed.
        :raises DecryptionError: if the stored private key cannot be decrypted.
        :raises ConfigurationError: if ``KEY_ENCRYPTION_KEYS`` is not set, or
            ``SIGNERS`` has no such alias.
        """
        if self.revoked_at:
            raise KeyStateError("A revoked key cannot sign. Activate another key.")
        if self.destroyed_at:
            raise KeyStateError(
                "The private key of this key was destroyed. Activate another key."
            )
        if self.key_id is None:
            raise KeyStateError("Enter a key ID for this key first (layer_key_set_id).")
        key_id = KeyID(self.key_id)
        if self.signer:
            return open_remote_signer(self.signer, key_id, self.public_key)
        stored = StoredPrivateKey(
            self.app_id, self.fingerprint, self.encrypted_private_key
        )
        return LocalSigner(key_id, load_private_key(stored, fresh=fresh))

    @serialized
    def set_key_id(self, key_id: str | UUID) -> None:
        """
        Enter the key ID: a UUID that you make up, or the one from Layer.

        :raises InvalidIdentifier: if it is not a key ID.
        :raises KeyStateError: if the key was active or is revoked.
        :raises KeyExists: if another key of the app has this ID.
        """
        if self.activated_at or self.revoked_at:
            raise KeyStateError(
                "The key ID cannot change, because this key was active or is revoked."
            )
        app = LayerApp.objects.using(self.database).get(pk=self.app_id)
        self.key_id = app.check_key_id(key_id)
        with self.unique_or_key_exists():
            self._save_transition()

    def check_signature(self) -> None:
        """
        Sign with the private key and verify with the stored public key.

        Nothing is recorded.

        :raises KeyStateError, DecryptionError, ConfigurationError, SigningBackendError:
            as :meth:`run_self_test` does.
        """
        signature = self.load_signer(fresh=True).sign(SELF_TEST)
        if not verify_signature(self.public_key, SELF_TEST, signature):
            raise KeyStateError("The public key does not belong to the private key.")

    @serialized
    def run_self_test(self) -> None:
        """
        Sign with the private key, verify with the stored public key, record the time.

        :raises KeyStateError: if the keys are not a pair, or as :meth:`load_signer`
            does.
        :raises DecryptionError, ConfigurationError: as :meth:`load_signer` does.
        :raises SigningBackendError: if the signing backend fails.
        """
        self._test()
        self._save_transition()

    def activate(self) -> None:
        """
        Sign with this key from now on; the app's previous key is retired.

        The self-test runs first. A retired key can be activated again until its private
        key is destroyed. An active key stays active.

        :raises KeyStateError: if it has no key ID, was revoked or destroyed, or fails
            the self-test; or if another key is activated at the same time.
        :raises DecryptionError, ConfigurationError: as :meth:`load_signer` does.
        :raises SigningBackendError: if the signing backend fails.
        """
        former = SigningKey.objects.get_active_pk(self.app_id, self.database)
        self.activate_replacing(former)

    activate.alters_data = True  # type: ignore[attr-defined]

    @serialized
    def activate_replacing(self, former: int | None) -> SigningKey | None:
        """
        Activate the key, unless a key other than ``former`` is active now.

        :param former: the primary key of the expected active key, or None.
        :returns: the key that was retired, or None.
        :raises KeyStateError, DecryptionError, ConfigurationError, SigningBackendError:
            as :meth:`activate` does.
        """
        keys = SigningKey.objects.using(self.database).exclude(pk=self.pk)
        other = keys.select_for_update().filter(active_for=self.app_id).first()
        if other and other.pk != former:
            raise KeyStateError(
                f"Another key ({other}) was activated at the same time. Reload and try "
                "again."
            )
        self._test()
        if self.state != self.State.ACTIVE:
            now = timezone.now()
            if other:
                other._mark_retired(now)
            self.active_for_id = self.app_id
            self.activated_at, self.retired_at = now, None
        self._save_transition()
        LayerApp.objects.freeze(self.app_id, self.database)
        return other

    @serialized
    def retire(self) -> None:
        """
        Stop signing with this key; the app is left without an active key.

        :raises KeyStateError: if it is not active.
        """
        if self.state != self.State.ACTIVE:
            raise KeyStateError(
                f"Only an active key can be retired. This key is {self.state.label}."
            )
        self._mark_retired(timezone.now())

    @serialized
    def revoke(self, reason: str) -> None:
        """
        Revoke the key permanently and destroy the private key if it is stored here.

        A private key in a signing backend is not destroyed. Tokens that the key signed
        stay valid until they expire. Revoking it again keeps the first time and reason.

        :param reason: shown with the key later; 1 to 200 characters.
        :raises InvalidReason: if it is empty, longer, or contains a private key.
        """
        reason = clean_reason(reason)
        if self.revoked_at is None:
            now = timezone.now()
            self.revoked_at, self.revocation_reason = now, reason
            self.active_for = None
            self._destroy(now)
            self._save_transition()

    @serialized
    def destroy_private_key(self) -> None:
        """
        Destroy the private key of a retired key, so that it cannot sign again.

        :raises KeyStateError: if the key is not retired, or a signing backend holds its
            private key.
        """
        if self.state != self.State.RETIRED:
            raise KeyStateError(
                "Only a retired key's private key can be destroyed. This key is "
                f"{self.state.label}."
            )
        if self.signer:
            raise KeyStateError(
                f"The signing backend {self.signer!r} holds the private key: destroy it "
                "there."
            )
        self._destroy(timezone.now())
        self._save_transition()

    @serialized
    def reencrypt_private_key(self) -> bool:
        """
        Encrypt the private key with the first entry of ``KEY_ENCRYPTION_KEYS``.

        :returns: whether it was encrypted with another entry before.
        :raises DecryptionError, ConfigurationError: as :meth:`load_signer` does.
        """
        former = self.encrypted_private_key
        if former:
            self.encrypted_private_key = reencrypt_private_key(
                former, app=self.app_id, fingerprint=self.fingerprint
            )
            self._save_transition()
        return self.encrypted_private_key != former

    def _mark_retired(self, now: datetime) -> None:
        self.active_for, self.retired_at = None, now
        self._save_transition()

    def _destroy(self, now: datetime) -> None:
        if not self.signer:
            self.encrypted_private_key = ""
            self.destroyed_at = self.destroyed_at or now

    def _test(self) -> None:
        self.check_signature()
        self.tested_at = timezone.now()
