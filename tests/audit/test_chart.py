"""Counts per hour, and the heights of the bars."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from django_layer_identity.audit.models import AuditEntry
from django_layer_identity.audit.statistics import (
    Hour,
    build_chart,
    count_by_app,
    count_by_hour,
)

NOW = datetime(2026, 11, 25, 14, 30, 7, 5, tzinfo=timezone.utc)
START = datetime(2026, 11, 24, 15, 0, tzinfo=timezone.utc)


def add(code, *times):
    AuditEntry.objects.bulk_create(
        AuditEntry(code=code, created_at=time) for time in times
    )


def counted(now=NOW):
    """Return the hours with entries, as (start, issued, refused)."""
    hours = count_by_hour(AuditEntry.objects.all(), now)
    return [(hour.start, hour.issued, hour.refused) for hour in hours if hour.total]


def test_the_last_24_hours_are_counted(db):
    hours = count_by_hour(AuditEntry.objects.all(), NOW)

    assert hours == [Hour(START + timedelta(hours=number)) for number in range(24)]


def test_issued_and_refused_tokens_are_counted_separately(db):
    add("issued", NOW, NOW, START)
    add("throttled", NOW)
    add("parse_error", NOW, NOW)

    assert counted() == [(START, 1, 0), (START + timedelta(hours=23), 2, 3)]


def test_each_entry_is_counted_in_exactly_one_hour(db):
    moment = timedelta(microseconds=1)
    hour = START + timedelta(hours=5)
    add("issued", START - moment, hour - moment, hour)

    assert counted() == [(hour - timedelta(hours=1), 1, 0), (hour, 1, 0)]


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/St_Johns", "Europe/Berlin"])
def test_the_projects_time_zone_does_not_change_the_counts(settings, db, zone):
    settings.TIME_ZONE = zone
    add("issued", NOW)

    assert counted() == [(START + timedelta(hours=23), 1, 0)]


def test_entries_of_a_project_without_time_zones_are_counted(settings, db):
    settings.USE_TZ = False
    now = NOW.replace(tzinfo=None)
    add("issued", now)

    assert counted(now) == [(now.replace(minute=0, second=0, microsecond=0), 1, 0)]


def test_entries_are_counted_by_app(db):
    moment = timedelta(microseconds=1)
    for code, app_id, time in (
        ("issued", "a", START),
        ("issued", "a", NOW),
        ("throttled", "a", NOW),
        ("throttled", "b", NOW),
        ("issued", "b", START - moment),
    ):
        AuditEntry.objects.create(code=code, app_id=app_id, created_at=time)

    counts = count_by_app(AuditEntry.objects.all(), START)

    assert counts == {"a": (2, 1), "b": (0, 1)}


def test_the_tallest_column_is_100_high_and_the_others_are_in_proportion():
    hours = [Hour(START, 30, 10), Hour(START, 10, 0), Hour(START)]

    chart = build_chart(hours)

    assert chart == {
        "columns": [(hours[0], 75, 25), (hours[1], 25, 0), (hours[2], 0, 0)],
        "most": 40,
        "issued": 40,
        "refused": 10,
    }


def test_a_single_refusal_among_thousands_is_visible():
    hour = Hour(START, 9999, 1)

    assert build_chart([hour])["columns"] == [(hour, 99, 1)]


def test_a_chart_without_entries_is_empty():
    assert build_chart([Hour(START)])["most"] == 0
