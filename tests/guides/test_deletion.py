from __future__ import annotations

import hashlib
from uuid import UUID

import pytest
from django.contrib.auth.models import User

from django_layer_identity.audit.models import AuditEntry
from django_layer_identity.models import LayerUser
from tests.conftest import APP_ID


def test_only_the_deployment_is_left_to_configure(warnings):
    assert warnings == ["layer_identity.W041", "layer_identity.W040"]


@pytest.fixture
def bob(db):
    return User.objects.create(username="bob")


@pytest.fixture
def tokens(user_id, alice, bob):
    """Alice has a token; Bob was refused with the same nonce."""
    assert user_id(alice) == "alice"
    assert user_id(bob) == "nonce_already_used"


def values(entry):
    return {field.name: getattr(entry, field.attname) for field in entry._meta.fields}


def test_deletion_leaves_only_the_digest(tokens, alice):
    alice.delete()

    entry = values(LayerUser.objects.get(digest=hashlib.sha256(b"alice").hexdigest()))
    assert {name for name, value in entry.items() if value not in (None, "")} == {
        *("id", "app", "digest", "created_at"),
    }


def test_the_export_has_the_ids_and_the_audit_trail(tokens, alice):
    from messenger.privacy import export

    found = export(alice)

    [own], [entry] = found["layer_user_ids"], found["audit_trail"]
    assert (own["app__app_id"], own["user_id"]) == (UUID(str(APP_ID)), "alice")
    assert (entry["code"], entry["address"]) == ("issued", "127.0.0.1")


def test_erasing_a_user_keeps_the_audit_trail_of_others(tokens, alice, bob):
    from messenger.privacy import erase

    erase(alice)

    assert [entry.user_pk for entry in AuditEntry.objects.all()] == [str(bob.pk)]
    assert not User.objects.filter(username="alice").exists()
