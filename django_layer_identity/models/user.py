"""Who was given which Layer user ID, for good."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from django_layer_identity.models.app import LayerApp
from django_layer_identity.models.reasons import MAX_REASON_LENGTH
from django_layer_identity.models.user_managers import (
    LayerUserManager,
    digest_of,
    lock_user,
)
from django_layer_identity.protocol.claims import MAX_USER_ID_LENGTH

if TYPE_CHECKING:
    from django.db.models.deletion import Collector


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
        return digest_of(user_id) == self.digest
