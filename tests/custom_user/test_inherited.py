"""Proxies of the user model, and models in two tables."""

from __future__ import annotations

import pytest

from django_layer_identity.models import LayerUser
from tests.custom_user.models import Employee, Neighbour, Person
from tests.ledger.people import change, id_of


@pytest.mark.parametrize("model", [Employee, Neighbour])
def test_a_user_is_the_same_whatever_model_he_is_seen_as(key, model):
    seen = model.objects.create(email="alice@example.com")
    alice = Person.objects.get(pk=seen.pk)

    assert id_of(seen) == "alice@example.com"
    change(alice, "liddell@example.com")

    assert id_of(alice) == "alice@example.com"
    assert LayerUser.objects.get().owner == alice
