"""Where the chart's bars are: numbers for an SVG of 24 columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django_layer_identity.audit.statistics import Hour

HEIGHT = 100  # of the tallest column; SVG units
STEP = 30  # from one column to the next
WIDTH = 22  # of a column


@dataclass(frozen=True)
class Column:
    """Issued at the foot, refused on top."""

    hour: Hour
    x: int
    issued_height: int
    refused_height: int

    @property
    def issued_y(self) -> int:
        return HEIGHT - self.issued_height

    @property
    def refused_y(self) -> int:
        return self.issued_y - self.refused_height


@dataclass(frozen=True)
class Chart:
    columns: Sequence[Column]
    most: int
    issued: int
    refused: int

    height = HEIGHT
    column_width = WIDTH

    @property
    def width(self) -> int:
        return STEP * len(self.columns)


def draw(hours: Sequence[Hour]) -> Chart:
    """Scale the columns to the hour that has the most."""
    most = max(hour.total for hour in hours)
    return Chart(
        [
            Column(
                hour,
                x=STEP * place + (STEP - WIDTH) // 2,
                issued_height=_scaled(hour.issued, most),
                refused_height=_scaled(hour.refused, most),
            )
            for place, hour in enumerate(hours)
        ],
        most=most,
        issued=sum(hour.issued for hour in hours),
        refused=sum(hour.refused for hour in hours),
    )


def _scaled(count: int, most: int) -> int:
    """Return the height; what is there at all is seen."""
    return max(1, HEIGHT * count // most) if count else 0
