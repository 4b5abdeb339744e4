"""How long entries stay: the command that deletes the old ones."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone

from django_layer_identity.audit.models import AuditEntry
from tests import internals

PURGE = "layer_audit_purge"


@pytest.fixture
def aged(db):
    """Make one entry for each age in days."""

    def make(*ages):
        now = timezone.now()
        AuditEntry.objects.bulk_create(
            AuditEntry(code=f"{days} days", created_at=now - timedelta(days=days))
            for days in ages
        )

    return make


def left():
    return [entry.code for entry in AuditEntry.objects.order_by("created_at")]


def test_old_entries_are_deleted_and_counted(capsys, aged):
    aged(1, 29, 31, 400)

    call_command(PURGE, "--older-than", "30")

    assert capsys.readouterr() == ("2\n", "")
    assert left() == ["29 days", "1 days"]


def test_nothing_old_is_nothing_deleted(capsys, aged):
    aged(1)

    call_command(PURGE, "--older-than", "2")

    assert capsys.readouterr().out == "0\n"
    assert left() == ["1 days"]


def test_entries_are_deleted_a_batch_at_a_time(
    monkeypatch, aged, django_assert_num_queries
):
    monkeypatch.setattr(internals.PURGE_BATCH_SIZE, 2)
    aged(5, 5, 5, 1)

    with django_assert_num_queries(3 + 2 * 3) as captured:
        count = AuditEntry.objects.purge(timezone.now() - timedelta(days=2))

    verbs = [query["sql"].split()[0] for query in captured]
    batch = ["SELECT", "SAVEPOINT", "DELETE", "RELEASE"]
    assert verbs == [*batch, *batch, "SELECT"]
    assert count == 3


@pytest.mark.parametrize("days", ["0", "-1", "1.5", "x", "", "99999", "١", "MIIE"])
def test_a_number_of_days_is_needed(db, days):
    with pytest.raises(CommandError) as caught:
        call_command(PURGE, f"--older-than={days}")

    assert str(caught.value) == (
        "Error: argument --older-than: must be a whole number of days from 1 to 36500"
    )


def test_how_old_has_to_be_said(db):
    with pytest.raises(CommandError, match="are required: --older-than"):
        call_command(PURGE)


def test_a_database_that_is_busy_is_said_so(aged):
    def fail(execute, *args):
        raise OperationalError("database is down")

    aged(5)

    with connection.execute_wrapper(fail), pytest.raises(CommandError) as caught:
        call_command(PURGE, "--older-than", "1")

    assert str(caught.value) == (
        "The database is busy or cannot be reached; what was deleted by then is gone. "
        "Run it again. Reason: database is down"
    )
