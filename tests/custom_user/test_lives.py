"""The lifecycle of a user, with each user model."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.core import checks
from django.core.management import CommandError, call_command
from django.test import RequestFactory
from django.utils.functional import SimpleLazyObject

from django_layer_identity.exceptions import (
    AuthenticationFailed,
    NonceAlreadyUsed,
    UserInactive,
)
from django_layer_identity.issuing import issue_identity_token
from django_layer_identity.mapping.users import find_user
from django_layer_identity.models import LayerUser
from tests.custom_user.models import Employee, Person, Subscriber, Visitor
from tests.endpoint import NONCE, ask, configure, decode, read
from tests.ledger.users import issued_id

MODEL = get_user_model()
OTHER_MODELS = [
    model
    for model in (Person, Employee, Subscriber, Visitor)
    if not issubclass(model, MODEL)
]


def entries():
    return [
        (entry.user_id, entry.owner_id, entry.current_for_id)
        for entry in LayerUser.objects.order_by("pk")
    ]


def test_a_token_names_the_user_and_records_the_id(key, create_user):
    alice = create_user("alice@example.com")

    status, body = read(ask(alice, nonce=NONCE))

    assert status == 200
    claims = decode(body["identity_token"], key)
    assert claims["prn"] == "alice@example.com"
    assert sorted(claims) == ["exp", "iat", "iss", "nce", "prn"]
    assert entries() == [("alice@example.com", alice.pk, alice.pk)]


def test_the_next_token_writes_nothing(key, create_user):
    alice = create_user("alice@example.com")

    assert {issued_id(alice), issued_id(MODEL.objects.get(pk=alice.pk))} == {
        "alice@example.com"
    }
    assert len(entries()) == 1


def test_the_primary_key_may_be_the_layer_user_id(settings, key, create_user):
    configure(settings, USER_ID="pk")
    alice = create_user("alice@example.com")

    assert issued_id(alice) == str(alice.pk)


def test_the_id_of_a_deleted_user_is_refused_to_a_new_user(key, create_user):
    alice = create_user("alice@example.com")
    issued_id(alice)

    alice.delete()

    assert entries() == [("", None, None)]
    status, body = read(ask(create_user("alice@example.com"), nonce=NONCE))
    assert (status, body["code"]) == (409, "user_id_taken")


@pytest.mark.django_db(
    transaction=True
)  # the database checks foreign keys at the commit
def test_a_deleted_user_is_refused(key, create_user):
    alice = create_user("alice@example.com")
    MODEL.objects.filter(pk=alice.pk).delete()

    with pytest.raises(AuthenticationFailed):
        issued_id(alice)
    assert entries() == []


def test_an_unsaved_user_is_refused(key):
    alice = MODEL(email="alice@example.com")  # a UUID primary key is already set

    with pytest.raises(AuthenticationFailed):
        issued_id(alice)


def test_an_inactive_user_is_refused(key, create_user):
    alice = create_user("alice@example.com")
    alice.is_active = False

    with pytest.raises(UserInactive):
        issued_id(alice)
    assert entries() == []


def test_a_lazy_object_stands_for_its_user(key, create_user):
    alice = create_user("alice@example.com")
    lazy = SimpleLazyObject(lambda: MODEL.objects.get(pk=alice.pk))
    request = RequestFactory().post("/")

    issued = issue_identity_token(lazy, NONCE, request=request)

    assert issued.user_id == "alice@example.com"
    assert entries() == [("alice@example.com", alice.pk, alice.pk)]


@pytest.mark.parametrize("model", OTHER_MODELS)
def test_an_instance_of_another_model_is_refused(key, model):
    instance = model.objects.create(email="alice@example.com")

    with pytest.raises(AuthenticationFailed):
        issued_id(instance)


def test_two_users_get_different_ids(key, create_user):
    alice, bob = create_user("alice@example.com"), create_user("bob@example.com")

    assert [issued_id(alice), issued_id(bob)] == [
        "alice@example.com",
        "bob@example.com",
    ]
    assert [owner for _user_id, owner, _current in entries()] == [alice.pk, bob.pk]


def test_a_nonce_of_another_user_is_refused(key, create_user):
    alice, bob = create_user("alice@example.com"), create_user("alice2@example.com")
    issue_identity_token(alice, NONCE)

    with pytest.raises(NonceAlreadyUsed):
        issue_identity_token(bob, NONCE)


def name_of(user):
    """Return the commands' argument USER."""
    return str(user.pk) if MODEL is Visitor else user.email


def test_commands_find_users_by_their_name(key, create_user, capsys, tmp_path):
    alice = create_user("alice@example.com")
    path = tmp_path / "users.csv"
    path.write_text(f"{name_of(alice)},a-1\n")

    call_command("layer_user_import", str(path))
    call_command("layer_user_rename", name_of(alice), "a-2")
    call_command("layer_token_issue", "--nonce", NONCE, name_of(alice))

    *printed, token = capsys.readouterr().out.split("\n")[:-1]
    assert printed == ["1 imported", "a-2"]
    assert decode(token, key)["prn"] == "a-2"
    with pytest.raises(LookupError, match="There is no user 'unknown'"):
        find_user("unknown")


def test_collisions_are_found_by_primary_keys_of_any_kind(key, create_user, capsys):
    alice, another = create_user("alice@example.com"), create_user("ALICE@example.com")
    ordered = sorted([alice, another], key=lambda user: user.pk)

    with pytest.raises(CommandError):
        call_command("layer_user_collisions")

    assert capsys.readouterr().out.splitlines() == [
        "case: 2 users",
        *(f"  {user.pk}  {user.email!r}" for user in ordered),
    ]


def test_the_checks_have_no_errors():
    assert [one for one in checks.run_checks() if one.level >= checks.ERROR] == []


def test_no_migration_is_missing_with_this_user_model(db):
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)
