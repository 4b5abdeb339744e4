"""Look Layer user IDs up, and give them out; constraints settle every race."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db import IntegrityError, connections, models, router
from django.utils import timezone

from django_layer_identity.models.locking import write_or_retry

if TYPE_CHECKING:
    from django_layer_identity.models.app import LayerApp
    from django_layer_identity.models.user import LayerUser


def digest_of(user_id: str) -> str:
    """Return what a Layer user ID is looked up by, exactly, on every database."""
    return hashlib.sha256(user_id.encode()).hexdigest()


def lock_user(user_pk: Any, using: str) -> bool:
    """
    Lock a user's row until the transaction ends; return False if there is none.

    Deleting the user and writing an entry both do this first, so that neither changes
    what the other relies on. SQLite has one writer at a time instead, and a read before
    the first write could cost a transaction its turn.
    """
    connection = connections[using]
    if not (connection.features.has_select_for_update and connection.in_atomic_block):
        return True
    users = get_user_model()._base_manager.using(using).filter(pk=user_pk)
    return bool(users.select_for_update().values_list("pk"))


class _Outdated(Exception):
    """What was read is not so any more: somebody changed the ledger meanwhile."""


class LayerUserManager(models.Manager["LayerUser"]):
    """Reads and writes go to the write database; constraints settle every race."""

    def find(self, app: LayerApp, user_id: str) -> LayerUser | None:
        """Return the entry of a Layer user ID, whoever has it."""
        found = self._written().filter(app=app.pk, digest=digest_of(user_id))
        return next(iter(found), None)

    def current(self, app: LayerApp, user_pk: Any) -> LayerUser | None:
        """Return the entry that a user has now."""
        found = self._written().filter(app=app.pk, current_for=user_pk)
        return next(iter(found), None)

    def move(
        self,
        app_pk: int,
        user_pk: Any,
        user_id: str,
        *,
        away_from: LayerUser | None,
        to: LayerUser | None,
    ) -> bool:
        """
        Make an ID, new or his own, the user's current one: True if it came to that.

        False if what was read of the ledger is not so any more, or the user is gone.

        :param away_from: the entry that he has now.
        :param to: the entry of the ID, if it has one; it is his.
        """

        def write() -> None:
            self._lock(user_pk)
            if away_from is not None:
                mine = self._written().filter(pk=away_from.pk, current_for=user_pk)
                _expect(mine.update(current_for=None))
            if to is not None:
                mine = self._written().filter(pk=to.pk, owner=user_pk)
                _expect(mine.update(current_for=user_pk))
            else:
                self._written().create(
                    app_id=app_pk,
                    user_id=user_id,
                    digest=digest_of(user_id),
                    owner_id=user_pk,
                    current_for_id=user_pk,
                )

        return self._wins(write)

    def reassign(self, entry: LayerUser, user_pk: Any, user_id: str, why: str) -> bool:
        """Make an ID the user's current one, whosever it was: False if it is already."""

        def write() -> None:
            self._lock(user_pk)
            entries = self._written()
            current = entries.filter(app=entry.app_id, current_for=user_pk)
            current.exclude(pk=entry.pk).update(current_for=None)
            another = entries.filter(pk=entry.pk).exclude(current_for=user_pk)
            _expect(
                another.update(
                    user_id=user_id,
                    owner=user_pk,
                    current_for=user_pk,
                    reassigned_at=timezone.now(),
                    reassignment_reason=why,
                )
            )

        return self._wins(write)

    def _written(self) -> models.QuerySet[LayerUser]:
        return self.using(router.db_for_write(self.model))

    def _lock(self, user_pk: Any) -> None:
        _expect(lock_user(user_pk, router.db_for_write(self.model)))

    def _wins(self, write: Callable[[], None]) -> bool:
        try:
            write_or_retry(write, using=router.db_for_write(self.model))
        except (IntegrityError, _Outdated):
            return False
        return True


def _expect(rows: int) -> None:
    if not rows:
        raise _Outdated
