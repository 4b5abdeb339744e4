"""What saving and deleting a signing key may not do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from django_layer_identity.exceptions import KeyExists, KeyStateError
from django_layer_identity.models.app import LayerApp
from django_layer_identity.models.key import StoredKey

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


class GuardedKey(StoredKey):
    """A key whose life neither a stale object nor a deletion undoes."""

    class Meta(StoredKey.Meta):
        abstract = True

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

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """
        Delete the key, unless tokens are signed with it.

        :raises KeyStateError: if it is active.
        """
        this = type(self)._default_manager.using(self.database).filter(pk=self.pk)
        deleted = this.delete()
        self.pk = None
        return deleted

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
