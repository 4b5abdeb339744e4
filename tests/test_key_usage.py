"""A key's last use: sampled, and never the cause of a failed token."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import OperationalError, transaction
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


def test_the_first_use_of_a_key_is_recorded(key, issue):
    assert last_used_at() is None

    before = timezone.now()
    issue()

    assert before <= last_used_at() <= timezone.now()


def test_a_use_is_recorded_again_after_ten_minutes(key, issue):
    before = used(timedelta(minutes=10))

    issue()

    assert last_used_at() > before


def test_a_use_is_not_recorded_again_within_ten_minutes(
    key, issue, django_assert_num_queries
):
    issue()  # the first token of a user writes to the ledger
    before = used(timedelta(minutes=9))

    with django_assert_num_queries(1):
        issue()

    assert last_used_at() == before


def test_within_ten_minutes_of_another_process_nothing_is_sent_to_the_database(
    key, issue, django_assert_num_queries
):
    issue()
    before = used(timedelta(minutes=9))
    internals.reset_process_state()

    with django_assert_num_queries(1):
        issue()

    assert last_used_at() == before


def test_a_process_records_a_use_at_most_once_in_ten_minutes(key, issue):
    issue()
    before = used(timedelta(minutes=11))

    issue()

    assert last_used_at() == before

    internals.end_pause_of_key_use()
    issue()

    assert last_used_at() > before


def test_a_process_stores_a_limited_number_of_keys(key, monkeypatch):
    monkeypatch.setattr(internals.KEY_USE_LIMIT, 3)

    for number in range(9):
        internals.record_key_use(SigningKey(app=key.app, fingerprint=str(number)))
        assert 1 <= internals.remembered_key_uses() <= 3


def test_a_refused_token_is_not_a_use(key, alice, issue, settings):
    settings.LAYER_IDENTITY = {**settings.LAYER_IDENTITY, "USER_ID": "nowhere"}

    with pytest.raises(Exception, match="Layer user ID"):
        issue()

    assert last_used_at() is None


def test_inside_a_transaction_a_use_is_recorded_after_the_commit(
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
    """The list of attempts to write, which all fail."""
    failures = []

    def fail(*args, **values):
        failures.append(args)
        raise OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(type(SigningKey.objects.all()), "update", fail)
    return failures


@pytest.mark.django_db(transaction=True)
def test_a_token_is_issued_if_the_use_cannot_be_recorded(key, alice, failures, caplog):
    issued = issue_identity_token(alice, NONCE)

    assert issued.user_id == "alice"
    assert len(failures) == 1
    [record] = [one for one in caplog.records if one.levelname == "ERROR"]
    assert record.name.startswith("django.db.")
    assert record.getMessage() == (
        "Error calling record_use.<locals>.write_last_use in on_commit() "
        "(attempt to write a readonly database)."
    )


@pytest.mark.django_db(transaction=True)
def test_without_autocommit_a_token_is_issued_and_no_use_is_recorded(key, alice):
    transaction.set_autocommit(False)
    try:
        issued = issue_identity_token(alice, NONCE)
        transaction.commit()
    finally:
        transaction.set_autocommit(True)

    assert issued.user_id == "alice"
    assert last_used_at() is None


def test_a_failed_recording_is_not_retried_for_each_token(key, issue, failures):
    for _ in range(3):
        issue()

    assert len(failures) == 1

    internals.end_pause_of_key_use()
    issue()

    assert len(failures) == 2


def test_with_an_unreachable_database_no_use_is_recorded(key, issue, lost_database):
    assert issue().user_id == "alice"

    assert last_used_at() is None
