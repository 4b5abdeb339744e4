"""Rules of the ledger: exact, quiet in refusals, random, and never switched off."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db.utils import ConnectionDoesNotExist

from django_layer_identity import ledger
from django_layer_identity.exceptions import (
    AuthenticationFailed,
    NonceAlreadyUsed,
    NoSigningKey,
    UserIDChanged,
    UserIDFailed,
    UserIDMismatch,
    UserIDTaken,
    UserIDUnavailable,
)
from django_layer_identity.issuing import issue_identity_token
from django_layer_identity.mapping.sources import MappingContext
from django_layer_identity.models import LayerUser
from tests.endpoint import NONCE, ask, configure, read, refusal
from tests.ledger.users import (
    assert_refused,
    change_email,
    create_user,
    entries,
    issued_id,
)
from tests.routers import Replica

RANDOM = "django_layer_identity.mapping.user_ids:random_uuid"
E_ACUTE = "\N{LATIN SMALL LETTER E WITH ACUTE}"


# Exactly


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("a", "A"),
        (E_ACUTE, "e\N{COMBINING ACUTE ACCENT}"),
        ("alice", "alice "),
        ("😀", "😁"),
        ("ss", "ß"),
    ],
)
def test_ids_that_look_alike_are_different(settings, key, one, another):
    configure(settings, USER_ID="first_name")
    users = [
        create_user("a", "", first_name=one),
        create_user("b", "", first_name=another),
    ]

    assert [issued_id(user) for user in users] == [one, another]
    assert [issued_id(user) for user in users] == [one, another]


# Nothing is written for a refusal


def test_a_user_without_a_value_is_not_written_down(email_ids):
    assert_refused(UserIDUnavailable, create_user("alice", ""))


def test_what_the_client_expects_is_compared_before_anything_is_written(email_ids):
    assert_refused(
        UserIDMismatch,
        create_user("alice", "alice@example.com"),
        expected_user_id="bob",
    )


def test_what_the_client_expects_is_compared_with_the_id_that_was_kept(email_ids):
    alice = create_user("alice", "alice@example.com")
    issued_id(alice)
    change_email(alice, "zoe@example.com")

    assert issued_id(alice, expected_user_id="alice@example.com") == "alice@example.com"
    assert_refused(UserIDMismatch, alice, expected_user_id="zoe@example.com")


def test_an_app_without_an_active_key_writes_nothing(key, email_ids):
    key.retire()

    assert_refused(NoSigningKey, create_user("alice", "alice@example.com"))


# The write database


@pytest.mark.parametrize("policy", ["keep", "follow"])
def test_the_ledger_is_read_where_it_is_written(settings, email_ids, policy):
    configure(settings, USER_ID_CHANGE=policy)
    alice, newcomer = (
        create_user("a", "alice@example.com"),
        create_user("b", "alice@example.com"),
    )
    settings.DATABASE_ROUTERS = [Replica()]

    assert [issued_id(alice), issued_id(alice)] == ["alice@example.com"] * 2
    with pytest.raises(UserIDTaken):
        issued_id(newcomer)
    with pytest.raises(ConnectionDoesNotExist):
        LayerUser.objects.count()


@pytest.mark.django_db(transaction=True)
def test_a_deleted_user_is_looked_for_where_the_ledger_is_written(settings, app, alice):
    assignment = ledger.resolve(MappingContext(alice, app), current=None)
    User.objects.filter(pk=alice.pk).delete()
    settings.DATABASE_ROUTERS = [Replica()]

    with pytest.raises(AuthenticationFailed):
        ledger.record(assignment)


# Never switched off


def test_no_setting_gives_a_recorded_id_to_a_second_user(settings, email_ids):
    alice, newcomer = (
        create_user("a", "alice@example.com"),
        create_user("b", "alice@example.com"),
    )
    issued_id(alice)
    configure(settings, USER_ID_LEDGER=False)

    assert_refused(UserIDTaken, newcomer)


# Changes of an ID


def test_a_misspelt_policy_for_changes_keeps_the_id(settings, email_ids):
    configure(settings, USER_ID_CHANGE="folow")
    alice = create_user("alice", "alice@example.com")
    issued_id(alice)
    change_email(alice, "zoe@example.com")

    assert issued_id(alice) == "alice@example.com"


# Refusals that come later


def test_a_nonce_of_somebody_elses_leaves_the_users_id_written_down(email_ids):
    alice, bob = (
        create_user("alice", "alice@example.com"),
        create_user("bob", "bob@example.com"),
    )
    issue_identity_token(alice, NONCE)

    with pytest.raises(NonceAlreadyUsed):
        issue_identity_token(bob, NONCE)

    assert entries() == [
        ("alice@example.com", alice.pk, True),
        ("bob@example.com", bob.pk, True),
    ]


# What disclosed nothing


@pytest.mark.parametrize("policy", ["keep", "follow", "refuse"])
def test_a_random_id_is_made_once_and_kept(settings, key, alice, policy):
    configure(settings, USER_ID=RANDOM, USER_ID_CHANGE=policy)

    user_id = issued_id(alice)

    assert str(UUID(user_id)) == user_id
    assert issued_id(alice) == user_id
    assert issued_id(create_user("bob", "")) != user_id


YET_TO_BE_MADE = "The logged-in user does not have a Layer user ID yet: send the request without “user_id”."


def test_a_random_id_that_nothing_keeps_yet_is_not_named(settings, key, alice):
    configure(settings, USER_ID=RANDOM)

    mismatch = refusal(403, "user_id_mismatch", YET_TO_BE_MADE)
    assert read(ask(alice, nonce=NONCE, user_id="bob")) == mismatch
    assert entries() == []


def test_a_random_id_that_takes_the_place_of_another_is_not_named(settings, email_ids):
    alice = create_user("alice", "alice@example.com")
    issued_id(alice)
    configure(settings, USER_ID=RANDOM, USER_ID_CHANGE="follow")

    mismatch = refusal(403, "user_id_mismatch", YET_TO_BE_MADE)
    assert read(ask(alice, nonce=NONCE, user_id="alice@example.com")) == mismatch


def test_a_random_id_that_is_kept_is_named(settings, key, alice):
    configure(settings, USER_ID=RANDOM)
    user_id = issued_id(alice)

    status, body = read(ask(alice, nonce=NONCE, user_id="bob"))

    assert (status, body["user_id"]) == (403, user_id)
    assert body["detail"] == (
        "The “user_id” sent is not the Layer user ID of the logged-in user."
    )


def test_an_id_that_is_the_same_next_time_is_named_before_it_is_kept(email_ids):
    alice = create_user("alice", "alice@example.com")

    _status, body = read(ask(alice, nonce=NONCE, user_id="bob"))

    assert body["user_id"] == "alice@example.com"
    assert entries() == []


def test_users_move_from_ids_that_disclose_to_random_ones_once(settings, email_ids):
    alice = create_user("alice", "alice@example.com")
    issued_id(alice)
    configure(settings, USER_ID=RANDOM, USER_ID_CHANGE="follow")

    user_id = issued_id(alice)

    assert str(UUID(user_id)) == user_id
    assert issued_id(alice) == user_id
    assert entries() == [
        ("alice@example.com", alice.pk, False),
        (user_id, alice.pk, True),
    ]


def test_an_id_that_discloses_is_kept_where_changes_are_not_followed(
    settings, email_ids
):
    alice = create_user("alice", "alice@example.com")
    issued_id(alice)

    configure(settings, USER_ID=RANDOM)
    assert issued_id(alice) == "alice@example.com"
    configure(settings, USER_ID_CHANGE="refuse")
    assert_refused(UserIDChanged, alice)


@pytest.mark.parametrize(
    "user_id",
    [
        "c303282d-f2e6-46ca-a04a-35d3d873712d",
        "C303282D-F2E6-46CA-A04A-35D3D873712D",
    ],
)
def test_an_id_that_is_a_uuid_stays_under_random_ones(
    settings, key, app, alice, user_id
):
    configure(settings, USER_ID=RANDOM, USER_ID_CHANGE="follow")
    ledger.import_user_id(app, alice, user_id)

    assert issued_id(alice) == user_id


@pytest.mark.parametrize(
    "user_id",
    [
        "c303282df2e646caa04a35d3d873712d",
        "{c303282d-f2e6-46ca-a04a-35d3d873712d}",
        "c303282d-f2e6-46ca-a04a-35d3d873712d@example.com",
    ],
)
def test_an_id_of_another_shape_than_a_uuid_does_not(
    settings, key, app, alice, user_id
):
    configure(settings, USER_ID=RANDOM, USER_ID_CHANGE="follow")
    ledger.import_user_id(app, alice, user_id)

    assert issued_id(alice) != user_id


@pytest.mark.parametrize("change", ["keep", "follow", "refuse"])
@pytest.mark.parametrize("normalizer", [lambda text: text.replace("-", ""), str.upper])
def test_a_random_id_stays_in_the_form_that_a_normalizer_gives_it(
    settings, key, alice, change, normalizer
):
    configure(
        settings,
        USER_ID=RANDOM,
        USER_ID_CHANGE=change,
        USER_ID_NORMALIZER=normalizer,
    )

    assert issued_id(alice) == issued_id(alice)


def test_a_text_that_is_not_what_was_stored_is_never_used(email_ids):
    alice = create_user("alice", "alice@example.com")
    issued_id(alice)
    LayerUser.objects.update(user_id="?")

    with pytest.raises(UserIDFailed) as failed:
        issued_id(alice)

    assert str(failed.value.__cause__) == (
        f"Row {LayerUser.objects.get().pk} of the ledger is damaged: "
        "its text does not match its digest. Restore the row from a "
        "backup."
    )
