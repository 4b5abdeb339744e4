from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User

from django_layer_identity.models import SigningKey
from tests.conftest import OTHER_KEY_ID
from tests.ledger.users import create_user


@pytest.fixture
def registered(draft) -> SigningKey:
    """A key that has its key ID, but has not passed its self-test."""
    draft.set_key_id(OTHER_KEY_ID)
    return draft


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
def revoked_draft(draft) -> SigningKey:
    draft.revoke("leaked")
    return draft


@pytest.fixture
def destroyed(retired) -> SigningKey:
    retired.destroy_private_key()
    return retired


@pytest.fixture
def bob(db):
    return create_user("bob")


@pytest.fixture
def staff(db, client):
    """Log the client in as staff with exactly these permissions."""

    def log_in(*codenames):
        user = User.objects.create_user("staff", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client.force_login(user)
        return client

    return log_in


@pytest.fixture
def viewer(staff):
    """A client of staff who may only view keys."""
    return staff("view_signingkey")
