"""Create and change users, and read the ledger's entries."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from django_layer_identity.issuing import issue_identity_token
from django_layer_identity.models import LayerUser


def create_user(name, email="", **more):
    return User.objects.create(username=name, email=email, **more)


def change_email(user, email):
    user.email = email
    user.save()


def issued_id(user, **options):
    return issue_identity_token(user, uuid4().hex, **options).user_id


def entries():
    """Return each entry: the text, the owner and whether it is the owner's current ID."""
    return [
        (entry.user_id, entry.owner_id, entry.current_for_id is not None)
        for entry in LayerUser.objects.order_by("pk")
    ]


def assert_refused(refusal, user, **options):
    """Assert that the user is refused and that the ledger is unchanged."""
    before = list(LayerUser.objects.values())
    with pytest.raises(refusal):
        issued_id(user, **options)
    assert list(LayerUser.objects.values()) == before
