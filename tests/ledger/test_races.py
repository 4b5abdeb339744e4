"""An assignment is evaluated again if another writer was faster."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, OperationalError, connection, transaction

from django_layer_identity import ledger
from django_layer_identity.exceptions import (
    AuthenticationFailed,
    SigningFailed,
    Unavailable,
    UserIDMismatch,
    UserIDTaken,
)
from django_layer_identity.mapping.sources import MappingContext
from django_layer_identity.models import LayerUser, SpentNonce
from tests.endpoint import configure
from tests.internals import clear_loaded_keys
from tests.ledger.users import change_email, create_user, entries, issued_id

RANDOM = "django_layer_identity.mapping.user_ids:random_uuid"


@pytest.fixture
def resolve(app):
    """Resolve a user's ID from the ledger's present state."""

    def resolve(user, expected=None):
        current = LayerUser.objects.current(app, user.pk)
        return ledger.resolve(MappingContext(user, app), expected, current=current)

    return resolve


def test_of_two_first_requests_of_a_user_the_second_finds_the_entry(resolve, email_ids):
    alice = create_user("alice", "alice@example.com")
    first, second = resolve(alice), resolve(alice)

    assert ledger.record(first) == ledger.record(second) == "alice@example.com"
    assert entries() == [("alice@example.com", alice.pk, True)]


def test_of_two_users_with_one_value_the_second_is_refused(resolve, email_ids):
    alice, newcomer = (
        create_user("a", "alice@example.com"),
        create_user("b", "alice@example.com"),
    )
    first, second = resolve(alice), resolve(newcomer)
    ledger.record(first)

    with pytest.raises(UserIDTaken):
        ledger.record(second)

    assert entries() == [("alice@example.com", alice.pk, True)]


def test_of_two_random_ids_for_a_user_the_first_is_kept(resolve, settings, alice):
    configure(settings, USER_ID=RANDOM)
    first, second = resolve(alice), resolve(alice)

    assert first.user_id != second.user_id
    assert ledger.record(first) == ledger.record(second) == first.user_id


def test_the_expected_id_is_compared_with_the_result_of_the_race(
    resolve, settings, alice
):
    configure(settings, USER_ID=lambda context: context.user.first_name)
    first = resolve(alice)
    alice.first_name = "Zoe"
    second = resolve(alice, "Zoe")
    ledger.record(first)

    with pytest.raises(UserIDMismatch) as caught:
        ledger.record(second)

    assert caught.value.user_id == "Alice"


def test_two_changes_to_the_same_id_have_one_result(resolve, settings, email_ids):
    configure(settings, USER_ID_CHANGE="follow")
    alice = create_user("alice", "alice@example.com")
    issued_id(alice)
    change_email(alice, "zoe@example.com")
    first, second = resolve(alice), resolve(alice)

    assert ledger.record(first) == ledger.record(second) == "zoe@example.com"
    assert entries() == [
        ("alice@example.com", alice.pk, False),
        ("zoe@example.com", alice.pk, True),
    ]


def test_a_former_id_that_was_reassigned_in_the_meantime_is_refused(
    resolve, settings, email_ids
):
    configure(settings, USER_ID_CHANGE="follow")
    alice, bob = create_user("alice", "alice@example.com"), create_user("bob")
    issued_id(alice)
    change_email(alice, "zoe@example.com")
    issued_id(alice)
    change_email(alice, "alice@example.com")
    back = resolve(alice)
    ledger.reassign(back.entry, bob, reason="Bob's mailbox now.")

    with pytest.raises(UserIDTaken):
        ledger.record(back)

    assert entries() == [
        ("alice@example.com", bob.pk, True),
        ("zoe@example.com", alice.pk, True),
    ]


def test_a_writer_that_loses_every_race_is_unavailable(
    resolve, around_ledger_write, alice
):
    around_ledger_write(lambda write: False)

    with pytest.raises(Unavailable):
        ledger.record(resolve(alice))


@pytest.mark.django_db(transaction=True)
def test_a_user_deleted_in_the_meantime_is_refused(resolve, alice):
    assignment = resolve(alice)
    User.objects.filter(pk=alice.pk).delete()

    with pytest.raises(AuthenticationFailed):
        ledger.record(assignment)

    assert entries() == []


@pytest.mark.django_db(transaction=True)
def test_a_deletion_in_raw_sql_is_refused(app, alice):
    ledger.import_user_id(app, alice, "alice")

    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=alice.pk)._raw_delete("default")

    assert entries() == [("alice", alice.pk, True)]


def test_a_nonce_is_not_spent_if_the_entry_cannot_be_written(settings, key, alice):
    configure(settings, NONCE_GUARD="database")

    def fail(execute, sql, params, many, context):
        if sql.startswith("INSERT"):
            raise OperationalError("disk full")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail), pytest.raises(Unavailable) as caught:
        issued_id(alice)

    assert str(caught.value.__cause__) == "disk full"
    assert (entries(), SpentNonce.objects.count()) == ([], 0)


def test_a_key_that_cannot_be_decrypted_writes_nothing(settings, key, alice):
    configure(settings, KEY_ENCRYPTION_KEYS=[])
    clear_loaded_keys()

    with pytest.raises(SigningFailed):
        issued_id(alice)

    assert entries() == []
