"""Audit entries: which identity tokens were issued and refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections, models, router
from django.db.models.expressions import RawSQL
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from django_layer_identity.models.locking import retry_on_conflict

ISSUED = "issued"  # the code of a token that was issued
#: Rows per DELETE statement: SQLite accepts 999 parameters, and locks must be short.
BATCH = 500
MAX_VALUES = 1000  # that occurring() returns
#: Databases whose SELECT DISTINCT reads the complete index, but whose recursive queries
#: skip from value to value. MariaDB and MySQL do the opposite.
RECURSIVE = {"postgresql", "sqlite"}


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

    purge.alters_data = True  # type: ignore[attr-defined]

    def occurring(self, column: str) -> list[str]:
        """
        Return the values of an indexed text column, sorted, each once, without ``""``.

        One query, which skips from value to value in the index, however many rows there
        are. It returns at most the first :data:`MAX_VALUES` values.
        """
        if connections[self.db].vendor not in RECURSIVE:
            rows = self._later(column, "").values_list(column, flat=True)
            return list(rows.distinct()[:MAX_VALUES])
        try:
            first, parameters = self._least_later(column, "")
            # "found" is the query below. Each of its rows looks up the next one.
            later, more = self._least_later(column, RawSQL("found.value", ()))
        except EmptyResultSet:  # as of none()
            return []
        sql = (
            f"WITH RECURSIVE found(value) AS (SELECT ({first}) UNION ALL SELECT ({later}) "  # noqa: S608  # nosec B608  # compiled by Django
            "FROM found WHERE found.value IS NOT NULL) "
            f"SELECT value FROM found WHERE value IS NOT NULL LIMIT {MAX_VALUES}"
        )
        with connections[self.db].cursor() as cursor:
            cursor.execute(sql, [*parameters, *more])
            return [value for (value,) in cursor.fetchall()]

    def _later(self, column: str, value: object) -> AuditEntryQuerySet:
        return self.filter(**{f"{column}__gt": value}).order_by(column)

    def _least_later(self, column: str, value: object) -> tuple[str, Sequence[Any]]:
        """Return the SQL that selects the least greater value, and its parameters."""
        query: Any = self._later(column, value).values(column)[:1].query
        sql, parameters = query.get_compiler(self.db).as_sql()
        return sql, parameters


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
