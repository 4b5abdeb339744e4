"""Rules of the ledger: exact comparison, no write for a refusal, random IDs."""

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


# Exact comparison


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


# A refusal writes nothing


def test_a_user_without_a_value_is_not_recorded(email_ids):
    assert_refused(UserIDUnavailable, create_user("alice", ""))


def test_the_expected_id_is_compared_before_anything_is_written(email_ids):
    assert_refused(
        UserIDMismatch,
        create_user("alice", "alice@example.com"),
        expected_user_id="bob",
    )


def test_the_expected_id_is_compared_with_the_kept_id(email_ids):
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
def test_the_ledger_is_read_from_the_write_database(settings, email_ids, policy):
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
def test_a_deleted_user_is_looked_up_in_the_write_database(settings, app, alice):
    assignment = ledger.resolve(MappingContext(alice, app), current=None)
    User.objects.filter(pk=alice.pk).delete()
    settings.DATABASE_ROUTERS = [Replica()]

    with pytest.raises(AuthenticationFailed):
        ledger.record(assignment)


# USER_ID_LEDGER=False


def test_a_recorded_id_stays_reserved_without_the_ledger(settings, email_ids):
    alice, newcomer = (
        create_user("a", "alice@example.com"),
        create_user("b", "alice@example.com"),
    )
    issued_id(alice)
    configure(settings, USER_ID_LEDGER=False)

    assert_refused(UserIDTaken, newcomer)


# USER_ID_CHANGE


def test_a_misspelt_policy_keeps_the_id(settings, email_ids):
    configure(settings, USER_ID_CHANGE="folow")
    alice = create_user("alice", "alice@example.com")
    issued_id(alice)
    change_email(alice, "zoe@example.com")

    assert issued_id(alice) == "alice@example.com"


# A refusal after the ledger was written


def test_the_user_id_stays_recorded_if_the_nonce_is_refused(email_ids):
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


# Random IDs


@pytest.mark.parametrize("policy", ["keep", "follow", "refuse"])
def test_a_random_id_is_created_once_and_kept(settings, key, alice, policy):
    configure(settings, USER_ID=RANDOM, USER_ID_CHANGE=policy)

    user_id = issued_id(alice)

    assert str(UUID(user_id)) == user_id
    assert issued_id(alice) == user_id
    assert issued_id(create_user("bob", "")) != user_id


NO_USER_ID_YET = "The logged-in user does not have a Layer user ID yet: deauthenticate from Layer, and send the request without “user_id”."


def test_a_random_id_that_is_not_recorded_yet_is_not_in_the_answer(
    settings, key, alice
):
    configure(settings, USER_ID=RANDOM)

    mismatch = refusal(403, "user_id_mismatch", NO_USER_ID_YET)
    assert read(ask(alice, nonce=NONCE, user_id="bob")) == mismatch
    assert entries() == []


def test_a_random_id_that_replaces_another_is_not_in_the_answer(settings, email_ids):
    alice = create_user("alice", "alice@example.com")
    issued_id(alice)
    configure(settings, USER_ID=RANDOM, USER_ID_CHANGE="follow")

    mismatch = refusal(403, "user_id_mismatch", NO_USER_ID_YET)
    assert read(ask(alice, nonce=NONCE, user_id="alice@example.com")) == mismatch


def test_a_recorded_random_id_is_in_the_answer(settings, key, alice):
    configure(settings, USER_ID=RANDOM)
    user_id = issued_id(alice)

    status, body = read(ask(alice, nonce=NONCE, user_id="bob"))

    assert (status, body["user_id"]) == (403, user_id)
    assert body["detail"] == (
        "The “user_id” sent is not the Layer user ID of the logged-in user. Deauthenticate from Layer first."
    )


def test_an_id_that_is_not_random_is_in_the_answer_before_it_is_recorded(email_ids):
    alice = create_user("alice", "alice@example.com")

    _status, body = read(ask(alice, nonce=NONCE, user_id="bob"))

    assert body["user_id"] == "alice@example.com"
    assert entries() == []


def test_users_change_from_readable_ids_to_random_ids_once(settings, email_ids):
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


def test_a_readable_id_is_kept_if_changes_are_not_followed(settings, email_ids):
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
def test_an_id_that_is_a_uuid_counts_as_random_and_is_kept(
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
def test_an_id_that_is_not_a_canonical_uuid_is_replaced(
    settings, key, app, alice, user_id
):
    configure(settings, USER_ID=RANDOM, USER_ID_CHANGE="follow")
    ledger.import_user_id(app, alice, user_id)

    assert issued_id(alice) != user_id


@pytest.mark.parametrize("change", ["keep", "follow", "refuse"])
@pytest.mark.parametrize("normalizer", [lambda text: text.replace("-", ""), str.upper])
def test_a_normalized_random_id_is_kept(settings, key, alice, change, normalizer):
    configure(
        settings,
        USER_ID=RANDOM,
        USER_ID_CHANGE=change,
        USER_ID_NORMALIZER=normalizer,
    )

    assert issued_id(alice) == issued_id(alice)


def test_a_text_that_does_not_match_its_digest_is_refused(email_ids):
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
