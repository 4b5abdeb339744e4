"""The database table of the replay guard: one row per signed nonce."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from django.db import Error, IntegrityError, OperationalError, models, router
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from django_layer_identity.exceptions import NonceGuardUnavailable
from django_layer_identity.models.app import LayerApp
from django_layer_identity.models.locking import is_retryable, retry_on_conflict

ATTEMPTS = 3  # the row may expire between insert and read
PURGE_LIMIT = 1000  # rows per call
PURGE_PREFIX = "00"  # of a digest; 1 of 256 inserts purges expired rows


class SpentNonceManager(models.Manager["SpentNonce"]):
    def reserve(
        self, app: LayerApp, digest: str, owner: str, lifetime: timedelta
    ) -> bool:
        """
        Reserve the nonce for the owner; return False if another owner has it.

        :raises NonceGuardUnavailable: if the nonce is reserved and its owner cannot be
            read, for example under REPEATABLE READ; or after a lock conflict.
        :raises Error: if the database fails.
        """
        using = router.db_for_write(self.model)
        rows = self.using(using).filter(app_id=app.pk, digest=digest)
        taken = False
        try:
            for _attempt in range(ATTEMPTS):
                now = timezone.now()
                mine = {"owner": owner, "expires_at": now + lifetime}
                if self._insert(using, app_id=app.pk, digest=digest, **mine):
                    return True
                taken = True
                expired = rows.filter(expires_at__lte=now)
                if retry_on_conflict(lambda: expired.update(**mine), using=using):  # noqa: B023
                    return True
                # Under MariaDB's REPEATABLE READ an expired row may still be visible
                # after another owner took it over.
                unexpired = rows.filter(expires_at__gt=now)
                found = unexpired.values_list("owner", flat=True).first()
                if found is not None:
                    return found == owner
            raise OperationalError("The nonce row could be neither inserted nor read.")
        except Error as exc:
            if taken or is_retryable(exc):
                raise NonceGuardUnavailable from exc
            raise

    reserve.alters_data = True  # type: ignore[attr-defined]

    def purge(self) -> int:
        """Delete a bounded number of expired rows; return how many."""
        using = router.db_for_write(self.model)
        expired = self.using(using).filter(expires_at__lte=timezone.now())

        def delete() -> int:
            pks = expired.order_by("pk").values_list("pk", flat=True)
            # One statement, even if a project has signal receivers: between two
            # statements a row could be reserved again.
            batch = expired.filter(pk__in=list(pks[:PURGE_LIMIT]))
            return batch._raw_delete(using) or 0  # None if nothing was deleted

        return retry_on_conflict(delete, using=using)

    purge.alters_data = True  # type: ignore[attr-defined]

    def _insert(self, using: str, *, digest: str, **fields: object) -> bool:
        rows = self.using(using)
        try:
            retry_on_conflict(lambda: rows.create(digest=digest, **fields), using=using)
        except IntegrityError:
            return False
        if digest.startswith(PURGE_PREFIX):
            with suppress(Error):
                self.purge()
        return True


class SpentNonce(models.Model):
    """A signed nonce and its user, both as digests; kept until the nonce expires."""

    # A database constraint would make every insert wait for a lock on the app's row.
    app = models.ForeignKey(
        LayerApp,
        models.CASCADE,
        db_constraint=False,
        db_index=False,
        related_name="+",
        verbose_name=_("Layer app"),
    )
    digest = models.CharField(_("digest"), max_length=64)
    owner = models.CharField(_("owner"), max_length=64)
    expires_at = models.DateTimeField(_("expires at"), db_index=True)

    objects = SpentNonceManager()

    class Meta:
        verbose_name = _("spent nonce")
        verbose_name_plural = _("spent nonces")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                name="layer_identity_nonce_digest", fields=["app", "digest"]
            ),
        ]

    def __str__(self) -> str:
        return self.digest
