"""Audit entries: which identity tokens were issued and refused."""

from __future__ import annotations

from datetime import datetime

from django.db import models, router
from django.db.models import Min
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from django_layer_identity.models.locking import retry_on_conflict

ISSUED = "issued"  # the code of a token that was issued
#: Rows per DELETE statement: SQLite accepts 999 parameters, and locks must be short.
BATCH = 500


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    def purge(self, before: datetime) -> int:
        """Delete older entries in batches, and return their number."""
        alias, count = router.db_for_write(self.model), 0
        rows = self.using(alias)
        old = rows.filter(created_at__lt=before).order_by("created_at")
        while batch := list(old.values_list("pk", flat=True)[:BATCH]):
            delete = rows.filter(pk__in=batch).delete
            count += retry_on_conflict(delete, using=alias)[0]
        return count

    def occurring(self, column: str) -> list[str]:
        """
        Return the values of an indexed text column, sorted, each once, without ``""``.

        Each value costs a query that is one look-up in the index, however many rows
        there are. ``SELECT DISTINCT`` reads the complete index in some databases.
        """
        found: list[str] = []
        while value := self._next(column, found[-1] if found else ""):
            found.append(value)
        return found

    def _next(self, column: str, value: str) -> str | None:
        later = self.filter(**{f"{column}__gt": value})
        least: str | None = later.aggregate(value=Min(column))["value"]
        return least


class AuditEntry(models.Model):
    """
    One issued token or refusal.

    It has no foreign keys, so that it is kept when a user or key is deleted. It never
    contains a token, nonce or password. It contains an e-mail address or a phone number
    only if that is the user's primary key.
    """

    created_at = models.DateTimeField(_("time"), default=timezone.now)
    code = models.CharField(_("outcome"), max_length=64)
    user_pk = models.CharField(_("user (primary key)"), max_length=255, blank=True)
    impersonator_pk = models.CharField(_("impersonator"), max_length=255, blank=True)
    app_id = models.CharField(_("app ID"), max_length=64, blank=True)
    fingerprint = models.CharField(_("key fingerprint"), max_length=64, blank=True)
    nonce_digest = models.CharField(_("nonce digest"), max_length=64, blank=True)
    address = models.CharField(_("IP address"), max_length=45, blank=True)

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["created_at"], name="layer_audit_time"),
            models.Index(
                fields=["user_pk", "created_at"], name="layer_audit_user_time"
            ),
            models.Index(fields=["code", "created_at"], name="layer_audit_code_time"),
            models.Index(fields=["app_id", "created_at"], name="layer_audit_app_time"),
            models.Index(
                fields=["fingerprint", "created_at"], name="layer_audit_key_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code}, {self.created_at:%Y-%m-%d %H:%M:%S}"
