from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User

from django_layer_identity.models import SigningKey
from tests.conftest import OTHER_KEY_ID


@pytest.fixture
def ready(draft) -> SigningKey:
    draft.set_key_id(OTHER_KEY_ID)
    draft.run_self_test()
    return draft


@pytest.fixture
def retired(key, ready) -> SigningKey:
    ready.activate()
    key.refresh_from_db()
    return key


@pytest.fixture
def revoked(key) -> SigningKey:
    key.revoke("leaked")
    return key


@pytest.fixture
def viewer(db, client):
    """A client of staff who may see keys, and nothing else."""
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_signingkey"))
    client.force_login(user)
    return client
