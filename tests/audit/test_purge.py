"""The command that deletes old entries."""

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


def remaining():
    return [entry.code for entry in AuditEntry.objects.order_by("created_at")]


def test_old_entries_are_deleted_and_counted(capsys, aged):
    aged(1, 29, 31, 400)

    call_command(PURGE, "--older-than", "30")

    assert capsys.readouterr() == ("2\n", "")
    assert remaining() == ["29 days", "1 days"]


def test_without_old_entries_nothing_is_deleted(capsys, aged):
    aged(1)

    call_command(PURGE, "--older-than", "2")

    assert capsys.readouterr().out == "0\n"
    assert remaining() == ["1 days"]


def test_entries_are_deleted_in_batches(monkeypatch, aged, django_assert_num_queries):
    monkeypatch.setattr(internals.PURGE_BATCH_SIZE, 2)
    aged(5, 5, 5, 1)

    with django_assert_num_queries(3 + 2 * 3) as captured:
        count = AuditEntry.objects.purge(timezone.now() - timedelta(days=2))

    verbs = [query["sql"].split()[0] for query in captured]
    batch = ["SELECT", "SAVEPOINT", "DELETE", "RELEASE"]
    assert verbs == [*batch, *batch, "SELECT"]
    assert count == 3


@pytest.mark.parametrize("days", ["0", "-1", "1.5", "x", "", "99999", "١", "MIIE"])
def test_an_invalid_number_of_days_is_refused(db, days):
    with pytest.raises(CommandError) as caught:
        call_command(PURGE, f"--older-than={days}")

    assert str(caught.value) == (
        "Error: argument --older-than: must be a whole number of days from 1 to 36500"
    )


def test_the_age_is_required(db):
    with pytest.raises(CommandError, match="are required: --older-than"):
        call_command(PURGE)


def test_a_busy_database_is_reported(aged):
    def fail(execute, *args):
        raise OperationalError("database is down")

    aged(5)

    with connection.execute_wrapper(fail), pytest.raises(CommandError) as caught:
        call_command(PURGE, "--older-than", "1")

    assert str(caught.value) == (
        "The database is busy or unreachable. Some entries may have been deleted. Run the "
        "command again to delete the others. Reason: database is down"
    )
