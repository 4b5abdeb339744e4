"""When a key signed last: sampled, and never at a token's expense."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from django_layer_identity.issuing import issue_identity_token
from django_layer_identity.models import SigningKey
from tests import internals

NONCE = "a+b/c=="


@pytest.fixture
def issue(alice, django_capture_on_commit_callbacks):
    def issue():
        with django_capture_on_commit_callbacks(execute=True):
            return issue_identity_token(alice, NONCE)

    return issue


def last_used_at():
    return SigningKey.objects.get().last_used_at


def used(ago):
    SigningKey.objects.update(last_used_at=timezone.now() - ago)
    return last_used_at()


def test_a_key_that_signs_for_the_first_time_is_noted(key, issue):
    assert last_used_at() is None

    before = timezone.now()
    issue()

    assert before <= last_used_at() <= timezone.now()


def test_a_use_is_noted_again_after_ten_minutes(key, issue):
    before = used(timedelta(minutes=10))

    issue()

    assert last_used_at() > before


def test_a_use_is_not_noted_again_within_ten_minutes(
    key, issue, django_assert_num_queries
):
    issue()  # the first token of a user is entered in the ledger
    before = used(timedelta(minutes=9))

    with django_assert_num_queries(1):
        issue()

    assert last_used_at() == before


def test_a_use_that_another_process_noted_in_between_is_not_noted_again(key):
    stale = SigningKey.objects.get()
    before = used(timedelta(minutes=1))

    internals.record_key_use(stale, timezone.now())

    assert last_used_at() == before


def test_a_token_that_is_refused_is_no_use(key, alice, issue, settings):
    settings.LAYER_IDENTITY = {**settings.LAYER_IDENTITY, "USER_ID": "nowhere"}

    with pytest.raises(Exception, match="Layer user ID"):
        issue()

    assert last_used_at() is None


def test_inside_a_transaction_a_use_is_noted_after_its_end(
    key, alice, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks() as callbacks, transaction.atomic():
        issue_identity_token(alice, NONCE)
        assert last_used_at() is None

    [write] = callbacks
    write()
    assert last_used_at() is not None


@pytest.fixture
def failures(monkeypatch):
    """The attempts to write, which all fail."""
    failures = []

    def fail(*args, **values):
        failures.append(args)
        raise OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(type(SigningKey.objects.all()), "update", fail)
    return failures


def test_a_note_that_cannot_be_written_costs_no_token(key, issue, failures, caplog):
    caplog.set_level("INFO", internals.KEY_USE_LOGGER)

    assert issue().user_id == "alice"

    assert len(failures) == 1
    assert caplog.messages == [
        f"The use of signing key {key} was not noted: "
        "OperationalError('attempt to write a readonly database')"
    ]


def test_a_note_that_cannot_be_written_is_not_tried_for_each_token(
    key, issue, failures
):
    for _ in range(3):
        issue()

    assert len(failures) == 1

    internals.end_pause_of_key_use()
    issue()

    assert len(failures) == 2


def test_after_a_lost_database_nothing_is_noted(key, issue, lost_database):
    assert issue().user_id == "alice"

    assert last_used_at() is None


def test_sqlite_is_as_patient_as_before(key, issue):
    def patience():
        with connection.cursor() as cursor:
            return cursor.execute("PRAGMA busy_timeout").fetchone()

    before = patience()
    issue()

    assert last_used_at() is not None
    assert patience() == before == (5000,)
