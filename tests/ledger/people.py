"""Users who come, change and go, and what the ledger says of them."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from django_layer_identity.issuing import issue_identity_token
from django_layer_identity.models import LayerUser


def join(name, email="", **more):
    return User.objects.create(username=name, email=email, **more)


def change(user, email):
    user.email = email
    user.save()


def id_of(user, **options):
    return issue_identity_token(user, uuid4().hex, **options).user_id


def entries():
    """Return the ledger: the text, the owner and whether it is his current ID."""
    return [
        (entry.user_id, entry.owner_id, entry.current_for_id is not None)
        for entry in LayerUser.objects.order_by("pk")
    ]


def refused(refusal, user, **options):
    """Tell that the user is refused, and that nothing came of it."""
    before = list(LayerUser.objects.values())
    with pytest.raises(refusal):
        id_of(user, **options)
    assert list(LayerUser.objects.values()) == before
