"""The user's row is locked before the user's entries change, so that deletions wait."""

from __future__ import annotations

import pytest
from django.contrib.admin.utils import NestedObjects
from django.contrib.auth.models import User
from django.db.models.signals import pre_delete

from django_layer_identity import ledger
from django_layer_identity.exceptions import AuthenticationFailed
from django_layer_identity.mapping.sources import MappingContext
from django_layer_identity.models import LayerUser
from tests.endpoint import configure
from tests.ledger.locks import locks_and_writes, row_locks  # noqa: F401
from tests.ledger.users import change_email, create_user, entries, issued_id

pytestmark = pytest.mark.usefixtures("row_locks")


def test_a_first_token_locks_the_user_before_it_writes(key, alice):
    assert locks_and_writes(lambda: issued_id(alice)) == ["lock", "write"]


def test_a_token_for_a_recorded_user_locks_nothing(key, alice):
    issued_id(alice)

    assert locks_and_writes(lambda: issued_id(alice)) == []


def test_a_token_with_a_new_id_locks_the_user_before_it_writes(settings, email_ids):
    configure(settings, USER_ID_CHANGE="follow")
    alice = create_user("alice", "alice@example.com")
    issued_id(alice)
    change_email(alice, "zoe@example.com")

    assert locks_and_writes(lambda: issued_id(alice)) == ["lock", "write", "write"]


def test_a_reassignment_locks_the_new_user_before_it_writes(app, alice):
    ledger.import_user_id(app, create_user("bob"), "one")
    entry = LayerUser.objects.get()

    def reassign():
        ledger.reassign(entry, alice, reason="The same person.")

    assert locks_and_writes(reassign) == ["lock", "write", "write"]


@pytest.mark.parametrize(
    "delete", [User.delete, lambda user: User.objects.filter(pk=user.pk).delete()]
)
def test_a_deletion_locks_the_user_before_it_writes(app, alice, delete):
    ledger.import_user_id(app, alice, "one")

    assert locks_and_writes(lambda: delete(alice)) == ["lock", *["write"] * 4]


def test_a_preview_of_a_deletion_locks_and_writes_nothing(app, alice):
    ledger.import_user_id(app, alice, "one")

    preview = NestedObjects(using="default")
    assert locks_and_writes(lambda: preview.collect([alice])) == []
    assert entries() == [("one", alice.pk, True)]


def test_a_user_deleted_earlier_in_the_transaction_is_refused(app, alice):
    assignment = ledger.resolve(MappingContext(alice, app), current=None)
    User.objects.filter(pk=alice.pk).delete()

    with pytest.raises(AuthenticationFailed):
        ledger.record(assignment)

    assert entries() == []


@pytest.mark.django_db(transaction=True)
def test_a_signal_sent_outside_of_a_transaction_locks_nothing(alice):
    def send():
        pre_delete.send(sender=User, instance=alice, using="default")

    assert locks_and_writes(send) == []
