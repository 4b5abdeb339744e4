"""The ledger: which Layer user ID was given to which user."""

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
from django_layer_identity.models.locking import retry_on_conflict
from django_layer_identity.models.reasons import MAX_REASON_LENGTH
from django_layer_identity.protocol.claims import MAX_USER_ID_LENGTH

if TYPE_CHECKING:
    from django.db.models.deletion import Collector


def lock_user(user_pk: Any, using: str) -> bool:
    """
    Lock a user's row until the transaction ends; return False if it does not exist.

    Deleting a user and writing an entry both take this lock first. Outside a
    transaction and on SQLite, do nothing and return True: SQLite has one writer at a
    time, and a read before the first write could make the transaction fail.
    """
    connection = connections[using]
    if not (connection.features.has_select_for_update and connection.in_atomic_block):
        return True
    users = get_user_model()._base_manager.using(using).filter(pk=user_pk)
    return bool(users.select_for_update().values_list("pk"))


class _Stale(Exception):
    """The row changed since it was read."""


class LayerUserManager(models.Manager["LayerUser"]):
    """Query the write database; its constraints decide between concurrent writers."""

    def find(self, app: LayerApp, user_id: str) -> LayerUser | None:
        """Return the entry of a Layer user ID, whichever user owns it, or None."""
        found = self._write_queryset().filter(
            app=app.pk, digest=user_id_digest(user_id)
        )
        return next(iter(found), None)

    def current(self, app: LayerApp, user_pk: Any) -> LayerUser | None:
        """Return the user's current entry, or None."""
        found = self._write_queryset().filter(app=app.pk, current_for=user_pk)
        return next(iter(found), None)

    def switch(
        self,
        app_pk: int,
        user_pk: Any,
        user_id: str,
        *,
        old: LayerUser | None,
        new: LayerUser | None,
    ) -> bool:
        """
        Make an ID the user's current one.

        Return False if the ledger changed in the meantime or the user was deleted.

        :param old: the user's current entry.
        :param new: the entry of the ID if it exists; the user owns it.
        """

        def write() -> None:
            self._lock(user_pk)
            if old is not None:
                mine = self._write_queryset().filter(pk=old.pk, current_for=user_pk)
                _require_row(mine.update(current_for=None))
            if new is not None:
                mine = self._write_queryset().filter(pk=new.pk, owner=user_pk)
                _require_row(mine.update(current_for=user_pk))
            else:
                self._write_queryset().create(
                    app_id=app_pk,
                    user_id=user_id,
                    digest=user_id_digest(user_id),
                    owner_id=user_pk,
                    current_for_id=user_pk,
                )

        return self._write_unless_stale(write)

    switch.alters_data = True  # type: ignore[attr-defined]

    def reassign(
        self, entry: LayerUser, user_pk: Any, user_id: str, reason: str
    ) -> bool:
        """
        Make the user the owner of an entry, whose ID becomes the user's current one.

        Return False if the user already has it, the user was deleted, or the ledger
        changed at the same time.
        """

        def write() -> None:
            self._lock(user_pk)
            entries = self._write_queryset()
            current = entries.filter(app=entry.app_id, current_for=user_pk)
            current.exclude(pk=entry.pk).update(current_for=None)
            another = entries.filter(pk=entry.pk).exclude(current_for=user_pk)
            _require_row(
                another.update(
                    user_id=user_id,
                    owner=user_pk,
                    current_for=user_pk,
                    reassigned_at=timezone.now(),
                    reassignment_reason=reason,
                )
            )

        return self._write_unless_stale(write)

    reassign.alters_data = True  # type: ignore[attr-defined]

    def _write_queryset(self) -> models.QuerySet[LayerUser]:
        return self.using(router.db_for_write(self.model))

    def _lock(self, user_pk: Any) -> None:
        _require_row(lock_user(user_pk, router.db_for_write(self.model)))

    def _write_unless_stale(self, write: Callable[[], None]) -> bool:
        try:
            retry_on_conflict(write, using=router.db_for_write(self.model))
        except (IntegrityError, _Stale):
            return False
        return True


def _require_row(rows: int) -> None:
    if not rows:
        raise _Stale


def clear_owner(collector: Collector, field: Any, entries: Any, using: str) -> None:
    """On deletion of a user keep the row and its digest, and clear personal data."""
    written = {"current_for": None, "user_id": "", "reassignment_reason": ""}
    for name, value in written.items():
        column: Any = LayerUser._meta.get_field(name)
        collector.add_field_update(column, value, entries)
    collector.add_field_update(field, None, entries)  # last: it finds the entries


# As in Django's SET_NULL: find the entries when they are changed, and not when the
# deletion begins.
clear_owner.lazy_sub_objs = True  # type: ignore[attr-defined]


def lock_deleted_user(instance: Any, using: str, **kwargs: Any) -> None:
    """Lock the user's row before a deletion; a receiver of ``pre_delete``."""
    lock_user(instance.pk, using)


class LayerUser(models.Model):
    """
    A Layer user ID that belongs to one user; only a reassignment gives it to another.

    ``owner`` is a real foreign key, so users and ledger must be in one database.
    Deleting a user clears it: a new user with the same primary key inherits nothing. A
    deletion by raw SQL fails on the constraint, unless the same transaction reuses the
    primary key and the database checks constraints at its end.
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
        help_text=_("Cleared when its user is deleted; the digest is kept."),
    )
    digest = models.CharField(_("digest"), max_length=64)  # SHA-256, hexadecimal
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        clear_owner,
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
        default_permissions = ("view",)  # entries are not edited by hand
        permissions = [
            ("reassign_layeruser", "Can reassign Layer user IDs"),
            ("rename_layeruser", "Can change Layer user ID"),
        ]
        constraints = [
            models.UniqueConstraint(
                name="layer_identity_user_digest", fields=["app", "digest"]
            ),
            # At most one current ID per user and app; NULL for former ones.
            models.UniqueConstraint(
                name="layer_identity_user_current", fields=["current_for", "app"]
            ),
            models.CheckConstraint(
                name="layer_identity_user_owner",
                # Comparisons with NULL are unknown, so test for NULL explicitly.
                condition=Q(current_for__isnull=True)
                | Q(owner__isnull=False, current_for=F("owner")),
            ),
        ]

    def __str__(self) -> str:
        return self.user_id or self.digest[:16]

    @property
    def since(self) -> datetime:
        """When the current owner received the ID."""
        return self.reassigned_at or self.created_at

    def matches(self, user_id: str) -> bool:
        """Return whether this is exactly the entry's Layer user ID."""
        return user_id_digest(user_id) == self.digest
