"""The keys that sign identity tokens, and what can be done with them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from django_layer_identity.exceptions import KeyStateError
from django_layer_identity.keys import rsa
from django_layer_identity.keys.encryption import reencrypt_private_key
from django_layer_identity.models.app import LayerApp
from django_layer_identity.models.key_guarded import GuardedKey
from django_layer_identity.models.key_managers import SigningKeyManager
from django_layer_identity.models.reasons import clean_reason
from django_layer_identity.models.turns import in_turn

SELF_TEST = b"django-layer-identity self-test"


class SigningKey(GuardedKey):
    """An RSA key pair whose public half is registered with Layer."""

    objects = SigningKeyManager()

    class Meta(GuardedKey.Meta):
        abstract = False
        verbose_name = _("signing key")
        verbose_name_plural = _("signing keys")
        permissions = [
            ("activate_signingkey", "Can activate signing key"),
            ("retire_signingkey", "Can retire signing key"),
            ("revoke_signingkey", "Can revoke signing key"),
            ("destroy_signingkey", "Can destroy private half of signing key"),
        ]

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
        if not rsa.verify_signature(self.public_key, SELF_TEST, signature):
            raise KeyStateError("The public half does not belong to the private half.")
        self.tested_at = timezone.now()
