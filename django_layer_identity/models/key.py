"""The keys that sign identity tokens, and what can be done with them."""

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
    InvalidIdentifier,
    KeyExists,
    KeyStateError,
    NotFound,
)
from django_layer_identity.keys.backends import MAX_ALIAS_LENGTH
from django_layer_identity.keys.encryption import (
    encrypt_private_key,
    reencrypt_private_key,
)
from django_layer_identity.keys.rsa import PrivateKey, PublicKey, verify_signature
from django_layer_identity.keys.signers import (
    LocalSigner,
    StoredPrivateKey,
    load_private_key,
    open_remote_signer,
)
from django_layer_identity.models.app import LayerApp
from django_layer_identity.models.locking import in_turn, write_or_retry
from django_layer_identity.models.reasons import MAX_REASON_LENGTH, clean_reason
from django_layer_identity.protocol.identifiers import KeyID

if TYPE_CHECKING:
    from typing_extensions import Self

    from django_layer_identity.protocol.signing import Signer

MAX_NAME_LENGTH = 80  # characters; what is longer names no key, and may be one
SELF_TEST = b"django-layer-identity self-test"
#: What acts alone bring about, so that no new key has any of it.
ACTS = (
    *("active_for_id", "tested_at", "activated_at", "retired_at", "revoked_at"),
    *("revocation_reason", "destroyed_at"),
)
#: What acts alone change; saving a stale object would undo them.
LIFE = (
    *(*ACTS, "app_id", "key_id"),
    *("signer", "fingerprint", "public_key", "encrypted_private_key"),
)


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


class SigningKeyManager(models.Manager["SigningKey"]):
    def get_queryset(self) -> SigningKeyQuerySet:
        return SigningKeyQuerySet(self.model, using=self._db)

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

    objects = SigningKeyManager()

    class Meta:
        verbose_name = _("signing key")
        verbose_name_plural = _("signing keys")
        permissions = [
            ("activate_signingkey", "Can activate signing key"),
            ("retire_signingkey", "Can retire signing key"),
            ("revoke_signingkey", "Can revoke signing key"),
            ("destroy_signingkey", "Can destroy private half of signing key"),
        ]
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

    def save(self, **kwargs: Any) -> None:
        """
        Store the key; what its acts do is neither done nor undone by saving it.

        :raises KeyStateError: if its life differs from what is stored, or its app, or
            it is a new key and has had any.
        """
        using = kwargs.get("using") or self.database
        with transaction.atomic(using=using):
            LayerApp.objects.lock(self.app_id, using)
            stored = type(self)._default_manager.using(using).filter(pk=self.pk)
            if life := stored.values(*LIFE).first():
                self._refuse_changes(life)
            else:
                self._refuse_acts()
            super().save(**kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """
        Delete the key, unless tokens are signed with it.

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
        """Return an unsaved key of that app with its private half encrypted."""
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

    def _save_act(self) -> None:
        """Store what an act did, in its turn."""
        super().save()

    def save_unique(self) -> None:
        """
        Store a new key.

        :raises KeyExists: if the app has it, or its key ID, already.
        """
        with self.refusing_twins():
            self.save()

    @contextmanager
    def refusing_twins(self) -> Iterator[None]:
        """
        Let the database decide whether a key that is saved, and its ID, are new.

        :raises KeyExists: if they are not.
        """
        try:
            self.validate_constraints()
            with transaction.atomic(using=self.database):
                yield
        except ValidationError as exc:
            raise KeyExists(" ".join(exc.messages)) from exc
        except IntegrityError as exc:
            raise KeyExists("This key or its key ID was stored a moment ago.") from exc

    def _refuse_acts(self) -> None:
        if done := [name for name in ACTS if getattr(self, name)]:
            raise KeyStateError(
                "A new key is a draft: its acts, as “activate”, set "
                f"{', '.join(done)}, and not saving it."
            )

    def _refuse_changes(self, life: dict[str, Any]) -> None:
        changed = [name for name in life if life[name] != getattr(self, name)]
        if not life["activated_at"] and "key_id" in changed:
            changed.remove("key_id")
        if changed:
            raise KeyStateError(
                "A stored key is changed by its acts, as “activate”, and not by saving "
                f"it: {', '.join(changed)} differ."
            )

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

    @in_turn
    def set_key_id(self, key_id: str | UUID) -> None:
        """
        Enter the key ID that Layer gave.

        :raises InvalidIdentifier: if it is none, or the ID of something else.
        :raises KeyStateError: if tokens were, or are never to be, signed with the key.
        :raises KeyExists: if another key of the app has it.
        """
        if self.activated_at or self.revoked_at:
            raise KeyStateError(
                "This key was active or is revoked: its key ID is never changed."
            )
        self.key_id = self.app.check_key_id(key_id)
        with self.refusing_twins():
            self._save_act()

    @in_turn
    def run_self_test(self) -> None:
        """
        Sign with the private half, verify with the stored public half; record it.

        :raises KeyStateError: if the halves do not belong together, or as
            :meth:`load_signer` does.
        :raises DecryptionError, ConfigurationError: as :meth:`load_signer` does.
        :raises CustodyError: if the key is elsewhere and does not sign there.
        """
        self._test()
        self._save_act()

    def activate(self) -> None:
        """
        Sign with this key from now on; the app's former key retires at once.

        The self-test is run first. A retired key can be activated again until its
        private half is destroyed. An active one stays as it is.

        :raises KeyStateError: if it has no key ID, was revoked or destroyed, or fails
            the self-test; or if another key is activated at the same time, first.
        :raises DecryptionError, ConfigurationError: as :meth:`load_signer` does.
        :raises CustodyError: if the key is elsewhere and does not sign there.
        """
        former = SigningKey.objects.active_in(self.app_id, self.database)
        self.activate_in_place_of(former)

    @in_turn
    def activate_in_place_of(self, former: int | None) -> SigningKey | None:
        """
        Activate the key, unless somebody else has activated another one by now.

        :param former: the primary key of the one that was active when this was decided.
        :returns: the key that retired.
        :raises KeyStateError: as :meth:`activate` does, and so the other exceptions.
        """
        keys = SigningKey.objects.using(self.database).exclude(pk=self.pk)
        other = keys.select_for_update().filter(active_for=self.app_id).first()
        if other and other.pk != former:
            raise KeyStateError(
                f"The key {other} was activated a moment ago. Look again before you "
                "activate another."
            )
        self._test()
        if self.state != self.State.ACTIVE:
            now = timezone.now()
            if other:
                other._step_down(now)
            self.active_for_id = self.app_id
            self.activated_at, self.retired_at = now, None
        self._save_act()
        LayerApp.objects.freeze(self.app_id, self.database)
        return other

    @in_turn
    def retire(self) -> None:
        """
        Sign with this key no longer; the app is left without an active key.

        :raises KeyStateError: if it is not active.
        """
        if self.state != self.State.ACTIVE:
            raise KeyStateError(f"This key is {self.state.label}, not active.")
        self._step_down(timezone.now())

    @in_turn
    def revoke(self, reason: str) -> None:
        """
        Give the key up for good and destroy its private half. There is no way back.

        Tokens that it signed live on until they expire. A key that is revoked already
        keeps its time and its reason.

        :param reason: for the people who look at the key later; 1 to 200 characters.
        :raises InvalidReason: if it is empty, longer, or holds a private key.
        """
        reason = clean_reason(reason)
        if self.revoked_at is None:
            now = timezone.now()
            self.revoked_at, self.revocation_reason = now, reason
            self.active_for = None
            self._destroy(now)
            self._save_act()

    @in_turn
    def destroy_private_key(self) -> None:
        """
        Destroy the private half of a retired key, so that it never signs again.

        :raises KeyStateError: if the key is not retired, or its private half is not
            stored here.
        """
        if self.state != self.State.RETIRED:
            raise KeyStateError(f"This key is {self.state.label}, not retired.")
        if self.signer:
            raise KeyStateError(
                f"The private half is with the signer {self.signer!r}: destroy it there."
            )
        self._destroy(timezone.now())
        self._save_act()

    @in_turn
    def reencrypt_private_key(self) -> bool:
        """
        Encrypt the private half with the first entry of ``KEY_ENCRYPTION_KEYS``.

        :returns: whether there was anything to do.
        :raises DecryptionError, ConfigurationError: as :meth:`load_signer` does.
        """
        former = self.encrypted_private_key
        if former:
            self.encrypted_private_key = reencrypt_private_key(
                former, app=self.app_id, fingerprint=self.fingerprint
            )
            self._save_act()
        return self.encrypted_private_key != former

    def _step_down(self, now: datetime) -> None:
        self.active_for, self.retired_at = None, now
        self._save_act()

    def _destroy(self, now: datetime) -> None:
        if not self.signer:
            self.encrypted_private_key = ""
            self.destroyed_at = self.destroyed_at or now

    def _test(self) -> None:
        signature = self.load_signer(anew=True).sign(SELF_TEST)
        if not verify_signature(self.public_key, SELF_TEST, signature):
            raise KeyStateError("The public half does not belong to the private half.")
        self.tested_at = timezone.now()
