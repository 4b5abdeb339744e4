"""A Layer user ID belongs to one user, whatever becomes of him and of it."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db.models import ProtectedError

from django_layer_identity.exceptions import (
    ConfigurationError,
    NoSigningKey,
    UserIDChanged,
    UserIDFailed,
    UserIDMismatch,
    UserIDTaken,
    UserIDUnavailable,
)
from django_layer_identity.models import LayerApp, LayerUser
from tests.conftest import OTHER_KEY_ID, PROVIDER_ID
from tests.endpoint import NONCE, ask, configure, decode, read, refusal
from tests.ledger.people import change, entries, id_of, join

RANDOM = "django_layer_identity.mapping.user_ids:random_uuid"
E_ACUTE = "\N{LATIN SMALL LETTER E WITH ACUTE}"


def refused(refusal, user, **options):
    """Tell that the user is refused, and that nothing came of it."""
    before = list(LayerUser.objects.values())
    with pytest.raises(refusal):
        id_of(user, **options)
    assert list(LayerUser.objects.values()) == before


def test_the_first_token_writes_down_whose_the_id_is(app, mailing):
    alice = join("alice", "alice@example.com")

    assert id_of(alice) == "alice@example.com"

    entry = LayerUser.objects.get()
    assert (entry.app, entry.user_id, entry.owner, entry.current_for) == (
        app,
        "alice@example.com",
        alice,
        alice,
    )
    assert entry.digest == (  # printf alice@example.com | sha256sum
        "ff8d9819fc0e12bf0d24892e45987e249a28dce836a85cad60e28eaaa8c6d976"
    )
    assert entry.since == entry.created_at
    assert str(entry) == "alice@example.com"


def test_the_next_token_writes_nothing(mailing, django_assert_num_queries):
    alice = join("alice", "alice@example.com")
    id_of(alice)

    with django_assert_num_queries(1):
        assert id_of(alice) == "alice@example.com"


# The mapped value changes


def test_a_changed_email_keeps_the_id(mailing):
    alice = join("alice", "alice@example.com")
    id_of(alice)
    change(alice, "zoe@example.com")

    assert id_of(alice) == "alice@example.com"
    assert entries() == [("alice@example.com", alice.pk, True)]


def test_the_answer_tells_the_client_which_id_was_kept(key, mailing):
    alice = join("alice", "alice@example.com")
    id_of(alice)
    change(alice, "zoe@example.com")

    status, body = read(ask(alice, nonce=NONCE))

    assert (status, body["user_id"]) == (200, "alice@example.com")
    assert decode(body["identity_token"], key)["prn"] == "alice@example.com"


def test_an_id_is_kept_when_the_value_is_blank(mailing):
    alice = join("alice", "alice@example.com")
    id_of(alice)
    change(alice, "")

    assert id_of(alice) == "alice@example.com"


def test_a_changed_email_is_followed_and_the_old_id_stays_his(settings, mailing):
    configure(settings, USER_ID_CHANGE="follow")
    alice, bob = join("alice", "alice@example.com"), join("bob", "")
    id_of(alice)
    change(alice, "zoe@example.com")

    assert id_of(alice) == "zoe@example.com"
    assert entries() == [
        ("alice@example.com", alice.pk, False),
        ("zoe@example.com", alice.pk, True),
    ]
    change(bob, "alice@example.com")
    refused(UserIDTaken, bob)


def test_a_user_who_is_followed_may_return_to_a_former_id(settings, mailing):
    configure(settings, USER_ID_CHANGE="follow")
    alice = join("alice", "alice@example.com")
    for email in ("alice@example.com", "zoe@example.com", "alice@example.com"):
        change(alice, email)
        assert id_of(alice) == email

    assert entries() == [
        ("alice@example.com", alice.pk, True),
        ("zoe@example.com", alice.pk, False),
    ]


def test_a_user_is_not_followed_to_an_id_of_somebody_else(settings, mailing):
    configure(settings, USER_ID_CHANGE="follow")
    alice, bob = join("alice", "alice@example.com"), join("bob", "bob@example.com")
    id_of(alice), id_of(bob)
    change(bob, "alice@example.com")

    refused(UserIDTaken, bob)


def test_a_user_is_not_followed_to_nothing(settings, mailing):
    configure(settings, USER_ID_CHANGE="follow")
    alice = join("alice", "alice@example.com")
    id_of(alice)
    change(alice, "")

    refused(UserIDUnavailable, alice)


def test_a_changed_email_is_refused(settings, mailing):
    configure(settings, USER_ID_CHANGE="refuse")
    alice = join("alice", "alice@example.com")
    id_of(alice)
    change(alice, "zoe@example.com")

    refused(UserIDChanged, alice)
    assert read(ask(alice, nonce=NONCE)) == refusal(
        409,
        "user_id_changed",
        "The Layer user ID of this account has changed, which is not allowed.",
    )
    change(alice, "alice@example.com")
    assert id_of(alice) == "alice@example.com"


# Other people


@pytest.mark.parametrize("policy", ["keep", "follow", "refuse"])
def test_a_recycled_mailbox_is_refused(settings, mailing, policy):
    alice = join("alice", "alice@example.com")
    id_of(alice)
    configure(settings, USER_ID_CHANGE=policy)
    change(alice, "zoe@example.com")
    newcomer = join("newcomer", "alice@example.com")

    refused(UserIDTaken, newcomer)
    assert read(ask(newcomer, nonce=NONCE)) == refusal(
        409,
        "user_id_taken",
        "The Layer user ID of this account belongs to another user.",
    )


def test_of_two_with_one_email_the_first_has_the_id(mailing):
    first, second = join("a", "alice@example.com"), join("b", "alice@example.com")

    assert id_of(first) == "alice@example.com"
    refused(UserIDTaken, second)


def test_the_id_of_a_deleted_user_is_refused(mailing):
    alice = join("alice", "alice@example.com")
    id_of(alice)
    alice.delete()

    refused(UserIDTaken, join("alice", "alice@example.com"))


@pytest.mark.parametrize("policy", ["keep", "follow"])
def test_a_deleted_users_primary_key_inherits_nothing(settings, mailing, policy):
    configure(settings, USER_ID_CHANGE=policy)
    id_of(join("alice", "alice@example.com", pk=17))
    User.objects.filter(pk=17).delete()
    newcomer = join("newcomer", "new@example.com", pk=17)

    assert id_of(newcomer) == "new@example.com"
    change(newcomer, "alice@example.com")
    if policy == "follow":
        refused(UserIDTaken, newcomer)


def test_a_deleted_users_text_goes_and_the_digest_stays(settings, mailing):
    configure(settings, USER_ID_CHANGE="follow")
    alice = join("alice", "alice@example.com")
    id_of(alice)
    change(alice, "zoe@example.com")
    id_of(alice)
    digests = sorted(LayerUser.objects.values_list("digest", flat=True))

    alice.delete()

    assert entries() == [("", None, False), ("", None, False)]
    assert sorted(LayerUser.objects.values_list("digest", flat=True)) == digests
    assert sorted(str(entry) for entry in LayerUser.objects.all()) == [
        digest[:16] for digest in digests
    ]


def test_an_app_with_a_ledger_cannot_be_deleted(app, mailing):
    id_of(join("alice", "alice@example.com"))

    with pytest.raises(ProtectedError):
        app.delete()


def test_each_app_has_a_ledger_of_its_own(app, mailing):
    other = LayerApp.objects.create(
        name="Other", app_id=OTHER_KEY_ID, provider_id=PROVIDER_ID
    )
    alice, bob = join("alice", "a@example.com"), join("bob", "a@example.com")
    LayerUser.objects.move(other.pk, bob.pk, "a@example.com", away_from=None, to=None)

    assert id_of(alice, app=app) == "a@example.com"


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
    users = [join("a", "", first_name=one), join("b", "", first_name=another)]

    assert [id_of(user) for user in users] == [one, another]
    assert [id_of(user) for user in users] == [one, another]


# Nothing is written for a refusal


def test_a_user_without_a_value_is_not_written_down(mailing):
    refused(UserIDUnavailable, join("alice", ""))


def test_what_the_client_expects_is_compared_before_anything_is_written(mailing):
    refused(UserIDMismatch, join("alice", "alice@example.com"), expected_user_id="bob")


def test_what_the_client_expects_is_compared_with_the_id_that_was_kept(mailing):
    alice = join("alice", "alice@example.com")
    id_of(alice)
    change(alice, "zoe@example.com")

    assert id_of(alice, expected_user_id="alice@example.com") == "alice@example.com"
    refused(UserIDMismatch, alice, expected_user_id="zoe@example.com")


def test_an_app_without_an_active_key_writes_nothing(key, mailing):
    key.retire()

    refused(NoSigningKey, join("alice", "alice@example.com"))


# The write database


class Replica:
    """Reads go to a database that lags behind, or is not there at all."""

    def db_for_read(self, model, **hints):
        return "replica"

    def db_for_write(self, model, **hints):
        return "default"


@pytest.mark.parametrize("policy", ["keep", "follow"])
def test_the_ledger_is_read_where_it_is_written(settings, mailing, policy):
    configure(settings, USER_ID_CHANGE=policy)
    alice, newcomer = join("a", "alice@example.com"), join("b", "alice@example.com")
    settings.DATABASE_ROUTERS = [Replica()]

    assert [id_of(alice), id_of(alice)] == ["alice@example.com"] * 2
    with pytest.raises(UserIDTaken):
        id_of(newcomer)


# Without the ledger


def test_without_the_ledger_nothing_is_read_or_written(
    settings, mailing, django_assert_num_queries
):
    alice = join("alice", "alice@example.com")
    id_of(alice)
    configure(settings, USER_ID_LEDGER=False)
    change(alice, "zoe@example.com")

    with django_assert_num_queries(1) as queries:
        assert id_of(alice) == "zoe@example.com"

    assert "layeruser" not in queries.captured_queries[0]["sql"]
    assert entries() == [("alice@example.com", alice.pk, True)]


# What disclosed nothing


@pytest.mark.parametrize("policy", ["keep", "follow", "refuse"])
def test_a_random_id_is_made_once_and_kept(settings, key, alice, policy):
    configure(settings, USER_ID=RANDOM, USER_ID_CHANGE=policy)

    user_id = id_of(alice)

    assert str(UUID(user_id)) == user_id
    assert id_of(alice) == user_id
    assert id_of(join("bob", "")) != user_id


def test_a_random_id_that_nothing_keeps_is_our_fault(settings, key, alice):
    configure(settings, USER_ID=RANDOM, USER_ID_LEDGER=False)

    with pytest.raises(UserIDFailed) as failed:
        id_of(alice)

    assert isinstance(failed.value.__cause__, ConfigurationError)


def test_a_text_that_is_not_what_was_stored_is_never_used(mailing):
    alice = join("alice", "alice@example.com")
    id_of(alice)
    LayerUser.objects.update(user_id="?")

    with pytest.raises(UserIDFailed) as failed:
        id_of(alice)

    assert str(failed.value.__cause__) == (
        f"Row {LayerUser.objects.get().pk} of the ledger is damaged: "
        "its text and its digest do not belong together."
    )
