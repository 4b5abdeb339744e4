"""Issued and refused tokens per hour, and the data of their chart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from django.db.models import Count, Q
from django.db.models.functions import TruncHour

from django_layer_identity.audit.models import ISSUED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django_layer_identity.audit.models import AuditEntryQuerySet

HOURS = 24
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Hour:
    """The outcomes of one hour, which begins at ``start``."""

    start: datetime
    issued: int = 0
    refused: int = 0

    @property
    def total(self) -> int:
        return self.issued + self.refused


def count_by_hour(entries: AuditEntryQuerySet, now: datetime) -> list[Hour]:
    """Count the entries of the current hour and the 23 before it, in one query."""
    last = now.replace(minute=0, second=0, microsecond=0)
    starts = [last - HOUR * hours for hours in reversed(range(HOURS))]
    # In UTC: MariaDB has no other time zones unless its time zone tables are loaded.
    counts = (
        entries.filter(created_at__gte=starts[0], created_at__lt=last + HOUR)
        .order_by()
        .values(start=TruncHour("created_at", tzinfo=timezone.utc))
        .annotate(
            issued=Count("pk", filter=Q(code=ISSUED)),
            refused=Count("pk", filter=~Q(code=ISSUED)),
        )
    )
    found = {row["start"]: Hour(**row) for row in counts}
    return [found.get(start, Hour(start)) for start in starts]


def count_by_app(
    entries: AuditEntryQuerySet, since: datetime
) -> dict[str, tuple[int, int]]:
    """Return the numbers of issued and refused tokens by app ID, in one query."""
    counts = (
        entries.filter(created_at__gte=since)
        .order_by()
        .values_list("app_id")
        .annotate(
            issued=Count("pk", filter=Q(code=ISSUED)),
            refused=Count("pk", filter=~Q(code=ISSUED)),
        )
    )
    return {app_id: (issued, refused) for app_id, issued, refused in counts}


def build_chart(hours: Sequence[Hour]) -> dict[str, Any]:
    """Return the template's data: each hour with the heights of its two bars."""
    most = max(hour.total for hour in hours)
    return {
        "columns": [
            (hour, _percent(hour.issued, most), _percent(hour.refused, most))
            for hour in hours
        ],
        "most": most,
        "issued": sum(hour.issued for hour in hours),
        "refused": sum(hour.refused for hour in hours),
    }


def _percent(count: int, most: int) -> int:
    """Return the height of a bar: at least 1 for a count above 0, so that it is visible."""
    return max(1, 100 * count // most) if count else 0
