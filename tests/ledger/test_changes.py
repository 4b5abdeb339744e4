"""Changes to the ledger by hand: import, rename, reassign."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_layer_identity import ledger
from django_layer_identity.exceptions import (
    InvalidClaims,
    InvalidReason,
    LedgerConflict,
    UserIDTaken,
)
from django_layer_identity.models import LayerUser
from tests.endpoint import configure
from tests.ledger.users import change_email, create_user, entries, issued_id
from tests.models import Member

REASON = "Same person, new account."


@pytest.fixture
def bob(db):
    return create_user("bob", "bob@example.com")


def conflict(operation, *args, **options):
    """Return the message of the conflict; check that the ledger is unchanged."""
    before = list(LayerUser.objects.values())
    with pytest.raises(LedgerConflict) as caught:
        operation(*args, **options)
    assert list(LayerUser.objects.values()) == before
    return str(caught.value)


# Import


def test_an_imported_id_is_issued_to_the_user(app, email_ids, alice):
    ledger.import_user_id(app, alice, "auth0|17")

    assert issued_id(alice) == "auth0|17"
    assert entries() == [("auth0|17", alice.pk, True)]


def test_importing_the_same_id_again_changes_nothing(app, alice):
    ledger.import_user_id(app, alice, "auth0|17")
    before = list(LayerUser.objects.values())

    ledger.import_user_id(app, alice, "auth0|17")

    assert list(LayerUser.objects.values()) == before


@pytest.mark.parametrize("operation", [ledger.import_user_id, ledger.rename])
def test_an_operation_with_the_users_current_id_writes_nothing(app, alice, operation):
    ledger.import_user_id(app, alice, "auth0|17")

    with CaptureQueriesContext(connection) as queries:
        operation(app, alice, "auth0|17")

    assert {query["sql"].split()[0] for query in queries} == {"SELECT"}


def test_a_second_id_cannot_be_imported_for_a_user(app, alice):
    ledger.import_user_id(app, alice, "auth0|17")

    assert conflict(ledger.import_user_id, app, alice, "auth0|18") == (
        "This user already has another Layer user ID. Use layer_user_rename to change it."
    )


@pytest.mark.parametrize("operation", [ledger.import_user_id, ledger.rename])
def test_an_id_of_another_user_is_refused(app, alice, bob, operation):
    ledger.import_user_id(app, alice, "auth0|17")

    assert conflict(operation, app, bob, "auth0|17") == (
        "The Layer user ID belongs, or belonged, to another user."
    )


@pytest.mark.parametrize("operation", [ledger.import_user_id, ledger.rename])
@pytest.mark.parametrize("user_id", ["", " ", "None", "x" * 129, "a\nb"])
def test_an_invalid_id_is_refused(app, alice, operation, user_id):
    with pytest.raises(InvalidClaims):
        operation(app, alice, user_id)

    assert entries() == []


@pytest.mark.parametrize("operation", [ledger.import_user_id, ledger.rename])
@pytest.mark.parametrize("user_id", ["", "x" * 300, "\ud800"], ids=ascii)
def test_an_invalid_id_is_refused_for_a_user_with_an_id(app, alice, operation, user_id):
    ledger.import_user_id(app, alice, "auth0|17")

    with pytest.raises(InvalidClaims):
        operation(app, alice, user_id)

    assert entries() == [("auth0|17", alice.pk, True)]


@pytest.mark.parametrize("operation", [ledger.import_user_id, ledger.rename])
def test_an_operation_that_loses_a_race_is_refused(
    app, alice, around_ledger_write, operation
):
    around_ledger_write(lambda write: False)

    assert conflict(operation, app, alice, "auth0|17") == (
        "The ledger was changed at the same time. Try again."
    )


# Rename


def test_a_former_id_stays_reserved_after_a_rename(app, email_ids, bob):
    assert issued_id(bob) == "bob@example.com"

    ledger.rename(app, bob, "robert")

    assert issued_id(bob) == "robert"
    assert entries() == [("bob@example.com", bob.pk, False), ("robert", bob.pk, True)]
    with pytest.raises(UserIDTaken):
        issued_id(create_user("newcomer", "bob@example.com"))


def test_a_user_can_be_renamed_back(app, email_ids, bob):
    ledger.rename(app, bob, "robert")
    ledger.rename(app, bob, "bob")
    ledger.rename(app, bob, "robert")

    assert entries() == [("robert", bob.pk, True), ("bob", bob.pk, False)]


# Reassign


def test_a_reassigned_id_belongs_to_the_other_user(app, email_ids, bob):
    alice = create_user("alice", "alice@example.com")
    issued_id(alice), issued_id(bob)

    ledger.reassign(LayerUser.objects.current(app, alice.pk), bob, reason=REASON)

    assert issued_id(bob) == "alice@example.com"
    assert entries() == [
        ("alice@example.com", bob.pk, True),
        ("bob@example.com", bob.pk, False),
    ]
    entry = LayerUser.objects.current(app, bob.pk)
    assert (entry.reassignment_reason, entry.since) == (REASON, entry.reassigned_at)
    assert entry.reassigned_at > entry.created_at
    with pytest.raises(UserIDTaken):
        issued_id(alice)


def test_a_user_whose_id_was_reassigned_can_get_a_new_one(app, email_ids, bob):
    alice = create_user("alice", "alice@example.com")
    issued_id(alice)
    ledger.reassign(LayerUser.objects.get(), bob, reason=REASON)
    change_email(alice, "zoe@example.com")

    assert issued_id(alice) == "zoe@example.com"


def test_a_user_whose_id_was_reassigned_can_get_a_former_one(
    app, settings, email_ids, bob
):
    alice = create_user("alice", "alice@example.com")
    issued_id(alice)
    ledger.rename(app, alice, "alice")
    ledger.reassign(LayerUser.objects.current(app, alice.pk), bob, reason=REASON)

    assert issued_id(alice) == "alice@example.com"


def test_the_id_of_a_deleted_user_is_reassigned_only_with_its_text(email_ids):
    alice = create_user("alice", "alice@example.com")
    issued_id(alice)
    alice.delete()
    entry, back = LayerUser.objects.get(), create_user("alice", "alice@example.com")
    unknown = "The Layer user ID does not match this entry: give its exact ID."

    assert conflict(ledger.reassign, entry, back, reason=REASON) == unknown
    assert (
        conflict(
            ledger.reassign, entry, back, reason=REASON, user_id="Alice@example.com"
        )
        == unknown
    )
    ledger.reassign(entry, back, reason=REASON, user_id="alice@example.com")

    assert issued_id(back) == "alice@example.com"
    assert entries() == [("alice@example.com", back.pk, True)]


def test_an_id_is_not_reassigned_to_its_current_user(app, alice):
    ledger.import_user_id(app, alice, "auth0|17")

    assert conflict(ledger.reassign, LayerUser.objects.get(), alice, reason="x") == (
        "The user already has this Layer user ID."
    )


def test_a_reassignment_that_loses_a_race_is_refused(app, alice, bob):
    ledger.import_user_id(app, alice, "auth0|17")
    seen = LayerUser.objects.get()
    ledger.reassign(LayerUser.objects.get(), bob, reason=REASON)

    assert conflict(ledger.reassign, seen, bob, reason=REASON) == (
        "The ledger was changed at the same time. Try again."
    )


@pytest.mark.parametrize("reason", ["", "  ", "x" * 201])
def test_an_id_is_not_reassigned_without_a_valid_reason(app, alice, bob, reason):
    ledger.import_user_id(app, alice, "auth0|17")

    with pytest.raises(InvalidReason):
        ledger.reassign(LayerUser.objects.get(), bob, reason=reason)

    assert entries() == [("auth0|17", alice.pk, True)]


def test_reassigning_a_former_id_to_its_user_makes_it_current(
    settings, email_ids, app, bob
):
    configure(settings, USER_ID_CHANGE="keep")
    ledger.import_user_id(app, bob, "bob")
    ledger.rename(app, bob, "robert")
    former = LayerUser.objects.find(app, "bob")

    ledger.reassign(former, bob, reason=REASON)

    assert entries() == [("bob", bob.pk, True), ("robert", bob.pk, False)]


# Refused by every operation


@pytest.mark.parametrize("operation", [ledger.import_user_id, ledger.rename])
def test_an_instance_of_another_model_is_refused(settings, app, alice, operation):
    settings.AUTH_USER_MODEL = "tests.Member"

    assert conflict(operation, app, alice, "auth0|17") == (
        "Expected an instance of AUTH_USER_MODEL, not User."
    )


@pytest.mark.parametrize("operation", [ledger.import_user_id, ledger.rename])
def test_an_instance_with_another_kind_of_primary_key_is_refused(app, operation):
    member = Member.objects.create(email="zoe@example.com")

    assert conflict(operation, app, member, "auth0|17") == (
        "Expected an instance of AUTH_USER_MODEL, not Member."
    )


@pytest.mark.parametrize("user", [User(username="new"), User(pk=99)], ids=repr)
@pytest.mark.parametrize("operation", [ledger.import_user_id, ledger.rename])
def test_an_unsaved_user_is_refused(app, db, operation, user):
    assert conflict(operation, app, user, "auth0|17") == ("Save the user first.")


@pytest.mark.parametrize("operation", [ledger.import_user_id, ledger.rename])
def test_a_deleted_user_is_refused(app, alice, operation):
    alice.delete()

    assert conflict(operation, app, alice, "auth0|17") == ("Save the user first.")


def test_a_reason_that_contains_a_private_key_is_refused(app, alice, bob):
    ledger.import_user_id(app, alice, "auth0|17")

    with pytest.raises(InvalidReason, match="must not contain a private key"):
        ledger.reassign(LayerUser.objects.get(), bob, reason="-----BEGIN PRIVATE KEY-")

    assert entries() == [("auth0|17", alice.pk, True)]


def test_an_id_is_not_reassigned_to_an_unsaved_user(app, alice):
    ledger.import_user_id(app, alice, "auth0|17")

    assert conflict(
        ledger.reassign, LayerUser.objects.get(), User(), reason=REASON
    ) == ("Save the user first.")


def test_an_id_is_not_reassigned_to_a_deleted_user(app, alice, bob):
    ledger.import_user_id(app, alice, "auth0|17")
    bob.delete()

    assert conflict(ledger.reassign, LayerUser.objects.get(), bob, reason=REASON) == (
        "Save the user first."
    )
