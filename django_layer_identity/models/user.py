"""Who was given which Layer user ID, for good."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import IntegrityError, connections, models, router
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from django_layer_identity.digests import user_id_digest
from django_layer_identity.models.app import LayerApp
from django_layer_identity.models.locking import write_or_retry
from django_layer_identity.models.reasons import MAX_REASON_LENGTH
from django_layer_identity.protocol.claims import MAX_USER_ID_LENGTH

if TYPE_CHECKING:
    from django.db.models.deletion import Collector

    from django_layer_identity.models.app import LayerApp


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
        found = self._written().filter(app=app.pk, digest=user_id_digest(user_id))
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
                    digest=user_id_digest(user_id),
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


def forget_owner(collector: Collector, field: Any, entries: Any, using: str) -> None:
    """Let entries outlive their owner: what was written of him goes, the digest stays."""
    written = {"current_for": None, "user_id": "", "reassignment_reason": ""}
    for name, value in written.items():
        column: Any = LayerUser._meta.get_field(name)
        collector.add_field_update(column, value, entries)
    collector.add_field_update(field, None, entries)  # last: they are found by it


# As Django's SET_NULL has it: the entries are those that are his when they are changed,
# and not those that were when the deletion began.
forget_owner.lazy_sub_objs = True  # type: ignore[attr-defined]


def lock_deleted_user(instance: Any, using: str, **kwargs: Any) -> None:
    """Lock a user's row before a deletion changes entries; receives ``pre_delete``."""
    lock_user(instance.pk, using)


class LayerUser(models.Model):
    """
    A Layer user ID that was given to a user: nobody else's, for as long as the app is.

    The user is a foreign key with its constraint in the database, not a primary key
    kept as text. A deletion past Django is refused, and a user who is stored later under
    the same primary key inherits nothing, unless both happen in one transaction where
    constraints are checked at its end. It follows the project's user model whatever its
    primary key is, and needs users and ledger in one database.
    """

    app = models.ForeignKey(
        LayerApp,
        models.PROTECT,
        related_name="users",
        db_index=False,  # the constraint on the digest begins with it
        verbose_name=_("Layer app"),
    )
    user_id = models.CharField(
        _("Layer user ID"),
        max_length=MAX_USER_ID_LENGTH,
        blank=True,
        help_text=_("Empty once its user was deleted; the digest stays."),
    )
    digest = models.CharField(_("digest"), max_length=64)  # SHA-256, hexadecimal
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        forget_owner,
        null=True,
        related_name="+",  # nothing is added to the project's user model
        verbose_name=_("user"),
    )
    current_for = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        db_index=False,  # the constraint on the pair begins with it
        verbose_name=_("current for"),
    )
    created_at = models.DateTimeField(_("first given at"), auto_now_add=True)
    reassigned_at = models.DateTimeField(_("reassigned at"), null=True)
    reassignment_reason = models.CharField(
        _("reason"), max_length=MAX_REASON_LENGTH, blank=True
    )

    objects = LayerUserManager()

    class Meta:
        verbose_name = _("Layer user")
        verbose_name_plural = _("Layer users")
        default_permissions = ("view",)  # entries are neither made nor changed by hand
        permissions = [("reassign_layeruser", "Can reassign Layer user IDs")]
        constraints = [
            models.UniqueConstraint(
                name="layer_identity_user_digest", fields=["app", "digest"]
            ),
            # At most one current ID a user and app; NULL for his former ones.
            models.UniqueConstraint(
                name="layer_identity_user_current", fields=["current_for", "app"]
            ),
            models.CheckConstraint(
                name="layer_identity_user_owner",
                # Of a comparison with NULL a database says neither yes nor no.
                condition=Q(current_for__isnull=True)
                | Q(owner__isnull=False, current_for=F("owner")),
            ),
        ]

    def __str__(self) -> str:
        return self.user_id or self.digest[:16]

    @property
    def since(self) -> datetime:
        """When it was given to the user who has it."""
        return self.reassigned_at or self.created_at

    def names(self, user_id: str) -> bool:
        """Tell whether this is the entry's Layer user ID, to the last character."""
        return user_id_digest(user_id) == self.digest
