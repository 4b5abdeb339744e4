"""A Layer user ID belongs to one user, also after a change or a deletion."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db.models import ProtectedError
from django.db.models.signals import pre_delete

from django_layer_identity import ledger
from django_layer_identity.exceptions import (
    UserIDChanged,
    UserIDTaken,
    UserIDUnavailable,
)
from django_layer_identity.models import LayerApp, LayerUser
from tests.conftest import OTHER_KEY_ID, PROVIDER_ID
from tests.endpoint import NONCE, ask, configure, decode, read, refusal
from tests.ledger.users import (
    assert_refused,
    change_email,
    create_user,
    entries,
    issued_id,
)


def test_the_first_token_records_the_owner_of_the_id(app, email_ids):
    alice = create_user("alice", "alice@example.com")

    assert issued_id(alice) == "alice@example.com"

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


def test_the_next_token_writes_nothing(email_ids, django_assert_num_queries):
    alice = create_user("alice", "alice@example.com")
    issued_id(alice)

    with django_assert_num_queries(1):
        assert issued_id(alice) == "alice@example.com"


# The mapped value changes


def test_a_changed_email_keeps_the_id(email_ids):
    alice = create_user("alice", "alice@example.com")
    issued_id(alice)
    change_email(alice, "zoe@example.com")

    assert issued_id(alice) == "alice@example.com"
    assert entries() == [("alice@example.com", alice.pk, True)]


def test_the_answer_contains_the_kept_id(key, email_ids):
    alice = create_user("alice", "alice@example.com")
    issued_id(alice)
    change_email(alice, "zoe@example.com")

    status, body = read(ask(alice, nonce=NONCE))

    assert (status, body["user_id"]) == (200, "alice@example.com")
    assert decode(body["identity_token"], key)["prn"] == "alice@example.com"


def test_an_id_is_kept_when_the_value_is_blank(email_ids):
    alice = create_user("alice", "alice@example.com")
    issued_id(alice)
    change_email(alice, "")

    assert issued_id(alice) == "alice@example.com"


def test_a_changed_email_is_followed_and_the_former_id_stays_reserved(
    settings, email_ids
):
    configure(settings, USER_ID_CHANGE="follow")
    alice, bob = create_user("alice", "alice@example.com"), create_user("bob", "")
    issued_id(alice)
    change_email(alice, "zoe@example.com")

    assert issued_id(alice) == "zoe@example.com"
    assert entries() == [
        ("alice@example.com", alice.pk, False),
        ("zoe@example.com", alice.pk, True),
    ]
    change_email(bob, "alice@example.com")
    assert_refused(UserIDTaken, bob)


def test_under_follow_a_user_can_return_to_a_former_id(settings, email_ids):
    configure(settings, USER_ID_CHANGE="follow")
    alice = create_user("alice", "alice@example.com")
    for email in ("alice@example.com", "zoe@example.com", "alice@example.com"):
        change_email(alice, email)
        assert issued_id(alice) == email

    assert entries() == [
        ("alice@example.com", alice.pk, True),
        ("zoe@example.com", alice.pk, False),
    ]


def test_under_follow_the_id_of_another_user_is_refused(settings, email_ids):
    configure(settings, USER_ID_CHANGE="follow")
    alice, bob = (
        create_user("alice", "alice@example.com"),
        create_user("bob", "bob@example.com"),
    )
    issued_id(alice), issued_id(bob)
    change_email(bob, "alice@example.com")

    assert_refused(UserIDTaken, bob)


def test_under_follow_a_blank_value_is_refused(settings, email_ids):
    configure(settings, USER_ID_CHANGE="follow")
    alice = create_user("alice", "alice@example.com")
    issued_id(alice)
    change_email(alice, "")

    assert_refused(UserIDUnavailable, alice)


def test_a_changed_email_is_refused(settings, email_ids):
    configure(settings, USER_ID_CHANGE="refuse")
    alice = create_user("alice", "alice@example.com")
    issued_id(alice)
    change_email(alice, "zoe@example.com")

    assert_refused(UserIDChanged, alice)
    assert read(ask(alice, nonce=NONCE)) == refusal(
        409,
        "user_id_changed",
        "The Layer user ID of this account has changed, which is not allowed. An administrator must resolve this.",
    )
    change_email(alice, "alice@example.com")
    assert issued_id(alice) == "alice@example.com"


# Other users


@pytest.mark.parametrize("policy", ["keep", "follow", "refuse"])
def test_a_recycled_mailbox_is_refused(settings, email_ids, policy):
    alice = create_user("alice", "alice@example.com")
    issued_id(alice)
    configure(settings, USER_ID_CHANGE=policy)
    change_email(alice, "zoe@example.com")
    newcomer = create_user("newcomer", "alice@example.com")

    assert_refused(UserIDTaken, newcomer)
    assert read(ask(newcomer, nonce=NONCE)) == refusal(
        409,
        "user_id_taken",
        "The Layer user ID of this account belongs, or once belonged, to another user. An administrator must resolve this.",
    )


def test_of_two_users_with_one_email_the_first_has_the_id(email_ids):
    first, second = (
        create_user("a", "alice@example.com"),
        create_user("b", "alice@example.com"),
    )

    assert issued_id(first) == "alice@example.com"
    assert_refused(UserIDTaken, second)


def test_the_id_of_a_deleted_user_is_refused(email_ids):
    alice = create_user("alice", "alice@example.com")
    issued_id(alice)
    alice.delete()

    assert_refused(UserIDTaken, create_user("alice", "alice@example.com"))


@pytest.mark.parametrize("policy", ["keep", "follow"])
def test_a_reused_primary_key_inherits_nothing(settings, email_ids, policy):
    configure(settings, USER_ID_CHANGE=policy)
    issued_id(create_user("alice", "alice@example.com", pk=17))
    User.objects.filter(pk=17).delete()
    newcomer = create_user("newcomer", "new@example.com", pk=17)

    assert issued_id(newcomer) == "new@example.com"
    change_email(newcomer, "alice@example.com")
    if policy == "follow":
        assert_refused(UserIDTaken, newcomer)


def test_a_deletion_clears_the_text_and_keeps_the_digest(settings, email_ids):
    configure(settings, USER_ID_CHANGE="follow")
    alice = create_user("alice", "alice@example.com")
    issued_id(alice)
    change_email(alice, "zoe@example.com")
    issued_id(alice)
    digests = sorted(LayerUser.objects.values_list("digest", flat=True))

    alice.delete()

    assert entries() == [("", None, False), ("", None, False)]
    assert sorted(LayerUser.objects.values_list("digest", flat=True)) == digests
    assert sorted(str(entry) for entry in LayerUser.objects.all()) == [
        digest[:16] for digest in digests
    ]


def test_a_deletion_clears_the_reason_of_the_reassignment(app, email_ids):
    alice, bob = create_user("alice", "alice@example.com"), create_user("bob")
    issued_id(alice)
    ledger.reassign(LayerUser.objects.get(), bob, reason="Bob is Alice's widower.")

    bob.delete()

    assert LayerUser.objects.get().reassignment_reason == ""


@pytest.fixture
def before_a_deletion():
    """Run a function after Django has collected the objects to delete."""
    connected = []

    def before_a_deletion(operation):
        connected.append(lambda **kwargs: operation())
        pre_delete.connect(connected[0], sender=User)

    yield before_a_deletion
    for receiver in connected:
        pre_delete.disconnect(receiver, sender=User)


def test_an_id_reassigned_during_the_deletion_stays_reassigned(
    app, email_ids, before_a_deletion
):
    alice, bob = create_user("alice", "alice@example.com"), create_user("bob")
    issued_id(alice)
    entry = LayerUser.objects.get()
    before_a_deletion(lambda: ledger.reassign(entry, bob, reason="Bob's mailbox now."))

    alice.delete()

    assert entries() == [("alice@example.com", bob.pk, True)]
    assert LayerUser.objects.get().reassignment_reason == "Bob's mailbox now."


def test_an_id_imported_during_the_deletion_is_cleared_too(app, before_a_deletion):
    alice = create_user("alice")
    before_a_deletion(lambda: ledger.import_user_id(app, alice, "alice"))

    User.objects.get(pk=alice.pk).delete()

    assert entries() == [("", None, False)]


def test_an_app_with_a_ledger_cannot_be_deleted(app, email_ids):
    issued_id(create_user("alice", "alice@example.com"))

    with pytest.raises(ProtectedError):
        app.delete()


def test_each_app_has_a_ledger_of_its_own(app, email_ids):
    other = LayerApp.objects.create(
        name="Other", app_id=OTHER_KEY_ID, provider_id=PROVIDER_ID
    )
    alice, bob = (
        create_user("alice", "a@example.com"),
        create_user("bob", "a@example.com"),
    )
    LayerUser.objects.switch(other.pk, bob.pk, "a@example.com", old=None, new=None)

    assert issued_id(alice, app=app) == "a@example.com"
