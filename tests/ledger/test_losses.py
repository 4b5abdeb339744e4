"""What a reassignment will mean for the owner of the ID, foreseen without writing."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

from django_layer_identity import ledger
from django_layer_identity.exceptions import (
    UserIDChanged,
    UserIDTaken,
    UserIDUnavailable,
)
from django_layer_identity.models import LayerUser
from tests.ledger.users import create_user, entries, issued_id

forbidden = Mock(side_effect=AssertionError("A function of the project was called."))


@pytest.fixture
def bob(db):
    return create_user("bob")


def give(app, user, *user_ids):
    """Give these IDs to the user one after the other, and return their entries."""
    for user_id in user_ids:
        ledger.rename(app, user, user_id)
    return [LayerUser.objects.get(user_id=user_id) for user_id in user_ids]


def configure(settings, **changes):
    settings.LAYER_IDENTITY = {**settings.LAYER_IDENTITY, **changes}


def test_an_owner_whose_id_is_mapped_again_will_be_refused(key, alice, bob):
    [entry] = give(key.app, alice, "alice")

    with pytest.raises(UserIDTaken):
        ledger.foresee_loss(entry)

    ledger.reassign(entry, bob, reason="x")
    with pytest.raises(UserIDTaken):
        issued_id(alice)


def test_an_owner_whose_mapped_id_is_another_users_will_be_refused(key, alice, bob):
    [entry] = give(key.app, alice, "17")
    give(key.app, bob, "alice")

    with pytest.raises(UserIDTaken):
        ledger.foresee_loss(entry)


def test_an_owner_with_another_mapped_id_will_get_it(key, alice, bob):
    [entry] = give(key.app, alice, "17")

    foreseen = ledger.foresee_loss(entry)

    assert (foreseen.user_id, foreseen.is_recorded) == ("alice", False)
    ledger.reassign(entry, bob, reason="x")
    assert issued_id(alice) == "alice"


def test_an_owner_will_keep_another_current_id(key, alice, bob):
    former, _current = give(key.app, alice, "alice", "17")

    foreseen = ledger.foresee_loss(former)

    assert (foreseen.user_id, foreseen.is_recorded) == ("17", True)
    ledger.reassign(former, bob, reason="x")
    assert issued_id(alice) == "17"


def test_an_owner_who_would_return_to_the_id_will_be_refused(settings, key, alice, bob):
    former, _current = give(key.app, alice, "alice", "17")
    configure(settings, USER_ID_CHANGE="follow")

    with pytest.raises(UserIDTaken):
        ledger.foresee_loss(former)

    ledger.reassign(former, bob, reason="x")
    with pytest.raises(UserIDTaken):
        issued_id(alice)


def test_other_refusals_are_foreseen_too(settings, key, alice):
    former, current = give(key.app, alice, "alice", "17")
    configure(settings, USER_ID_CHANGE="refuse", USER_ID="first_name")
    with pytest.raises(UserIDChanged):
        ledger.foresee_loss(former)

    configure(settings, USER_ID="email")
    with pytest.raises(UserIDUnavailable):
        ledger.foresee_loss(current)


@pytest.mark.parametrize(
    "changes",
    [
        {"USER_ID": forbidden},
        {"USER_ID": f"{__name__}:forbidden"},
        {"USER_ID_VERIFIED": forbidden},
        {"USER_ID_VERIFIED": f"{__name__}:forbidden"},
    ],
)
def test_no_function_of_the_project_is_called(settings, key, alice, changes):
    [entry] = give(key.app, alice, "alice")
    configure(settings, **changes)

    assert ledger.foresee_loss(entry) is None


def test_an_owner_keeps_another_current_id_whatever_a_function_returns(
    settings, key, alice
):
    former, _current = give(key.app, alice, "alice", "17")
    configure(settings, USER_ID=forbidden)

    assert ledger.foresee_loss(former).user_id == "17"


def test_a_random_id_is_foreseen(settings, key, alice):
    [entry] = give(key.app, alice, "alice")
    configure(settings, USER_ID="django_layer_identity.mapping.user_ids:random_uuid")

    foreseen = ledger.foresee_loss(entry)

    assert len(foreseen.user_id) == 36
    assert not foreseen.is_recorded


def test_foreseeing_writes_nothing(key, alice):
    [entry] = give(key.app, alice, "17")

    ledger.foresee_loss(entry)

    assert entries() == [("17", alice.pk, True)]
