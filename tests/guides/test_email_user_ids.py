from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from tests.endpoint import configure


@pytest.fixture
def address(alice):
    return alice.emailaddress_set.create(
        email="alice@EXAMPLE.com", primary=True, verified=True
    )


def test_only_the_deployment_is_left_to_configure(warnings):
    assert warnings == ["layer_identity.W041", "layer_identity.W040"]


def test_a_verified_address_is_the_user_id(user_id, alice, address):
    assert user_id(alice) == "alice@example.com"


@pytest.mark.parametrize("field", ["primary", "verified"])
def test_an_address_without_proof_is_refused(user_id, alice, address, field):
    setattr(address, field, False)
    address.save()

    assert user_id(alice) == "user_id_unavailable"


def test_the_field_email_is_not_used(user_id, alice):
    alice.email = "bob@example.com"
    alice.save()

    assert user_id(alice) == "user_id_unavailable"


def test_a_user_who_changes_their_address_keeps_the_user_id(user_id, alice, address):
    user_id(alice)
    address.email = "liddell@example.com"
    address.save()

    assert user_id(alice) == "alice@example.com"


@pytest.mark.parametrize(
    ("change", "answer"),
    [("keep", "alice@example.com"), ("follow", "user_id_unavailable")],
)
def test_a_user_who_lost_the_verified_address_is_refused_unless_the_id_is_kept(
    settings, user_id, alice, address, change, answer
):
    user_id(alice)
    address.delete()
    configure(settings, USER_ID_CHANGE=change)

    assert user_id(alice) == answer


def test_a_mailbox_that_passed_to_another_person_is_refused(user_id, alice, address):
    user_id(alice)
    alice.delete()
    bob = User.objects.create(username="bob")
    bob.emailaddress_set.create(email="alice@example.com", primary=True, verified=True)

    assert user_id(bob) == "user_id_taken"


def test_the_command_names_users_without_a_verified_address(app, alice, capsys):
    with pytest.raises(CommandError, match="without a usable Layer user ID: 1"):
        call_command("layer_user_collisions")

    assert capsys.readouterr().out == (
        f"no usable ID: {alice.pk}  The user has no verified primary address.\n"
    )
