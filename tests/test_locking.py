from __future__ import annotations

import pytest
from django.db import OperationalError, connection, connections, transaction

from django_layer_identity.models import LayerApp
from django_layer_identity.models.locking import (
    is_retryable,
    is_unreachable,
    retry_on_conflict,
)
from tests import internals
from tests.conftest import APP_ID, PROVIDER_ID

LOCKED = OperationalError("database is locked")
DEADLOCK = OperationalError(1213, "Deadlock found when trying to get lock")
NO_SERVER = OperationalError(2006, "Server has gone away")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(internals.RETRY_PAUSE, 0)


class Write:
    """Raise the given failures in order, then create an app."""

    def __init__(self, *failures):
        self.failures, self.runs = list(failures), 0

    def __call__(self):
        self.runs += 1
        app = LayerApp.objects.create(name="M", app_id=APP_ID, provider_id=PROVIDER_ID)
        if self.failures:
            raise self.failures.pop(0)
        return app


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("failure", [LOCKED, DEADLOCK])
def test_a_conflict_is_retried_from_the_beginning(failure):
    write = Write(failure, failure)

    assert retry_on_conflict(write, using="default") == LayerApp.objects.get()
    assert write.runs == 3


@pytest.mark.django_db(transaction=True)
def test_a_permanent_conflict_is_raised():
    write = Write(*[LOCKED] * 9)

    with pytest.raises(OperationalError, match="database is locked"):
        retry_on_conflict(write, using="default")

    assert (write.runs, LayerApp.objects.count()) == (6, 0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("failure", [NO_SERVER, OperationalError()])
def test_other_failures_are_not_retried(failure):
    write = Write(failure)

    with pytest.raises(OperationalError):
        retry_on_conflict(write, using="default")

    assert write.runs == 1


@pytest.mark.django_db(transaction=True)
def test_inside_another_transaction_nothing_is_retried():
    write = Write(LOCKED)

    with transaction.atomic(), pytest.raises(OperationalError):
        retry_on_conflict(write, using="default")

    assert (write.runs, LayerApp.objects.count()) == (1, 0)


@pytest.mark.parametrize("state", ["40001", "40P01", "55P03"])
@pytest.mark.parametrize("name", ["sqlstate", "pgcode"])
def test_conflicts_of_postgresql_are_retryable(name, state):
    exc = OperationalError("could not serialize access")
    exc.__cause__ = type("PostgreSQLError", (Exception,), {name: state})()

    assert is_retryable(exc)


def test_a_database_that_failed_and_answers_is_reachable(db):
    with pytest.raises(OperationalError), connection.cursor() as cursor:
        cursor.execute("nonsense")

    assert not is_unreachable("default")


def test_a_database_that_failed_and_does_not_answer_is_unreachable(db, lost_database):
    assert is_unreachable("default")


def test_a_database_that_refused_a_connection_is_unreachable(monkeypatch):
    monkeypatch.setattr(connections["default"], "errors_occurred", True)
    monkeypatch.setattr(connections["default"], "connection", None)

    assert is_unreachable("default")
