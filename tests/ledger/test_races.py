"""What was decided is looked at again where somebody else was faster."""

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
def claim(app):
    """Return what is decided for a user as the ledger is now."""

    def claim(user, expected=None):
        current = LayerUser.objects.current(app, user.pk)
        return ledger.resolve(MappingContext(user, app), expected, current=current)

    return claim


def test_of_two_first_requests_of_a_user_the_second_finds_it_done(claim, email_ids):
    alice = create_user("alice", "alice@example.com")
    first, second = claim(alice), claim(alice)

    assert ledger.record(first) == ledger.record(second) == "alice@example.com"
    assert entries() == [("alice@example.com", alice.pk, True)]


def test_of_two_users_with_one_value_the_second_is_refused(claim, email_ids):
    alice, newcomer = (
        create_user("a", "alice@example.com"),
        create_user("b", "alice@example.com"),
    )
    first, second = claim(alice), claim(newcomer)
    ledger.record(first)

    with pytest.raises(UserIDTaken):
        ledger.record(second)

    assert entries() == [("alice@example.com", alice.pk, True)]


def test_of_two_random_ids_for_a_user_the_first_is_his(claim, settings, alice):
    configure(settings, USER_ID=RANDOM)
    first, second = claim(alice), claim(alice)

    assert first.user_id != second.user_id
    assert ledger.record(first) == ledger.record(second) == first.user_id


def test_what_the_client_expects_is_compared_with_what_the_race_gave(
    claim, settings, alice
):
    configure(settings, USER_ID=lambda context: context.user.first_name)
    first = claim(alice)
    alice.first_name = "Zoe"
    second = claim(alice, "Zoe")
    ledger.record(first)

    with pytest.raises(UserIDMismatch) as refused:
        ledger.record(second)

    assert refused.value.user_id == "Alice"


def test_two_moves_of_a_user_end_in_one_place(claim, settings, email_ids):
    configure(settings, USER_ID_CHANGE="follow")
    alice = create_user("alice", "alice@example.com")
    issued_id(alice)
    change_email(alice, "zoe@example.com")
    first, second = claim(alice), claim(alice)

    assert ledger.record(first) == ledger.record(second) == "zoe@example.com"
    assert entries() == [
        ("alice@example.com", alice.pk, False),
        ("zoe@example.com", alice.pk, True),
    ]


def test_a_way_back_may_be_barred_meanwhile(claim, settings, email_ids):
    configure(settings, USER_ID_CHANGE="follow")
    alice, bob = create_user("alice", "alice@example.com"), create_user("bob")
    issued_id(alice)
    change_email(alice, "zoe@example.com")
    issued_id(alice)
    change_email(alice, "alice@example.com")
    back = claim(alice)
    ledger.reassign(back.entry, bob, reason="His mailbox now.")

    with pytest.raises(UserIDTaken):
        ledger.record(back)

    assert entries() == [
        ("alice@example.com", bob.pk, True),
        ("zoe@example.com", alice.pk, True),
    ]


def test_who_is_always_late_is_told_to_try_again(claim, around_ledger_write, alice):
    around_ledger_write(lambda write: False)

    with pytest.raises(Unavailable):
        ledger.record(claim(alice))


@pytest.mark.django_db(transaction=True)
def test_a_user_who_is_deleted_meanwhile_gets_nothing(claim, alice):
    assignment = claim(alice)
    User.objects.filter(pk=alice.pk).delete()

    with pytest.raises(AuthenticationFailed):
        ledger.record(assignment)

    assert entries() == []


@pytest.mark.django_db(transaction=True)
def test_a_deletion_past_django_is_refused(app, alice):
    ledger.import_user_id(app, alice, "alice")

    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=alice.pk)._raw_delete("default")

    assert entries() == [("alice", alice.pk, True)]


def test_a_database_that_takes_no_entry_spends_no_nonce(settings, key, alice):
    configure(settings, NONCE_GUARD="database")

    def fail(execute, sql, params, many, context):
        if sql.startswith("INSERT"):
            raise OperationalError("disk full")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail), pytest.raises(Unavailable) as refused:
        issued_id(alice)

    assert str(refused.value.__cause__) == "disk full"
    assert (entries(), SpentNonce.objects.count()) == ([], 0)


def test_a_key_of_no_use_writes_nothing(settings, key, alice):
    configure(settings, KEY_ENCRYPTION_KEYS=[])
    clear_loaded_keys()

    with pytest.raises(SigningFailed):
        issued_id(alice)

    assert entries() == []
