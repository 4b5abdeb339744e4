"""Ledger constraints that the database enforces: SQLite, PostgreSQL and MariaDB."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from django_layer_identity import ledger
from django_layer_identity.exceptions import UserIDTaken
from django_layer_identity.models import LayerApp, LayerUser, SigningKey
from tests.conftest import APP_ID, KEY_ID, PROVIDER_ID
from tests.endpoint import configure
from tests.ledger.users import change_email, create_user, entries, issued_id

pytestmark = [
    pytest.mark.service,
    pytest.mark.django_db(databases="__all__"),
]

ALIKE = [
    ("a", "A"),
    ("\N{LATIN SMALL LETTER E WITH ACUTE}", "e\N{COMBINING ACUTE ACCENT}"),
    ("alice", "alice "),
    ("😀", "😁"),
    ("ss", "ß"),
    ("a", "ａ"),
]


@pytest.fixture
def app(database):
    return LayerApp.objects.create(name="M", app_id=APP_ID, provider_id=PROVIDER_ID)


@pytest.fixture
def key(app, private_key):
    key = SigningKey.from_private_key(app, private_key, key_id=KEY_ID)
    key.save()
    key.activate()
    return key


def assert_refused_by_database(database, operation):
    """Assert that the database itself refuses the operation."""
    before = list(LayerUser.objects.values())

    def run_and_check():
        operation()
        database.check_constraints()  # now: the test never commits

    with pytest.raises(IntegrityError), transaction.atomic(using=database.alias):
        run_and_check()
    assert list(LayerUser.objects.values()) == before


@pytest.mark.parametrize(("one", "another"), ALIKE)
def test_ids_that_look_alike_are_different(settings, key, one, another):
    configure(settings, USER_ID="first_name")
    users = [create_user("a", first_name=one), create_user("b", first_name=another)]

    assert [issued_id(user) for user in users] == [one, another]
    assert [issued_id(user) for user in users] == [one, another]
    assert list(LayerUser.objects.order_by("pk").values_list("user_id", flat=True)) == [
        one,
        another,
    ]


@pytest.mark.parametrize(("one", "another"), ALIKE)
def test_users_can_change_between_ids_that_look_alike(settings, key, one, another):
    configure(settings, USER_ID="email", USER_ID_CHANGE="follow")
    alice, bob = create_user("alice", one), create_user("bob", "bob@example.com")

    for email in (one, another, one):
        change_email(alice, email)
        assert issued_id(alice) == email
    issued_id(bob)
    change_email(bob, another)
    with pytest.raises(UserIDTaken):
        issued_id(bob)

    assert entries() == [
        (one, alice.pk, True),
        (another, alice.pk, False),
        ("bob@example.com", bob.pk, True),
    ]


def test_the_longest_id_is_stored_completely(settings, key):
    configure(settings, USER_ID=lambda context: "😀" * 128)
    alice = create_user("alice")

    assert [issued_id(alice), issued_id(alice)] == ["😀" * 128] * 2


def test_a_user_has_one_current_id(app, database):
    alice = create_user("alice")
    ledger.import_user_id(app, alice, "one")
    ledger.rename(app, alice, "another")

    assert_refused_by_database(
        database, lambda: LayerUser.objects.update(current_for=alice.pk)
    )


def test_an_id_is_unique_in_an_app(app, database):
    ledger.import_user_id(app, create_user("alice"), "one")
    again = LayerUser.objects.get()
    again.pk = again.current_for_id = None

    assert_refused_by_database(database, again.save)


def test_an_id_is_current_only_for_its_owner(app, database):
    bob = create_user("bob")
    ledger.import_user_id(app, create_user("alice"), "one")

    assert_refused_by_database(
        database, lambda: LayerUser.objects.update(current_for=bob.pk)
    )


def test_an_id_without_an_owner_is_not_current(app, database):
    ledger.import_user_id(app, create_user("alice"), "one")

    assert_refused_by_database(database, lambda: LayerUser.objects.update(owner=None))


def test_a_user_with_an_entry_cannot_be_deleted_in_sql(app, database):
    alice = create_user("alice")
    ledger.import_user_id(app, alice, "one")

    assert_refused_by_database(
        database,
        lambda: User.objects.filter(pk=alice.pk)._raw_delete(database.alias),
    )


def reuse_primary_key_in_sql(user, using):
    """Delete the user's row in SQL, then create another user with the same primary key."""
    with transaction.atomic(using=using):
        User.objects.filter(pk=user.pk)._raw_delete(using)
        User.objects.create(pk=user.pk, username="zoe")


@pytest.mark.parametrize("database", ["default", "postgresql"], indirect=True)
def test_a_primary_key_reused_in_one_sql_transaction_keeps_its_ids(app, database):
    alice = create_user("alice")
    ledger.import_user_id(app, alice, "one")

    reuse_primary_key_in_sql(alice, database.alias)

    database.check_constraints()
    assert entries() == [("one", alice.pk, True)]


@pytest.mark.parametrize("database", ["mariadb"], indirect=True)
def test_mariadb_refuses_to_reuse_a_primary_key_in_sql(app, database):
    alice = create_user("alice")
    ledger.import_user_id(app, alice, "one")

    assert_refused_by_database(
        database, lambda: reuse_primary_key_in_sql(alice, database.alias)
    )


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_deletion_keeps_the_digests(app, database, by_hand):
    alice, bob = create_user("alice"), create_user("bob")
    ledger.import_user_id(app, alice, "one")
    ledger.rename(app, alice, "another")
    ledger.import_user_id(app, bob, "bob")
    digests = list(LayerUser.objects.order_by("pk").values_list("digest", flat=True))

    if by_hand:
        alice.delete()
    else:
        User.objects.filter(username="alice").delete()

    database.check_constraints()
    assert entries() == [("", None, False), ("", None, False), ("bob", bob.pk, True)]
    assert digests == list(
        LayerUser.objects.order_by("pk").values_list("digest", flat=True)
    )
