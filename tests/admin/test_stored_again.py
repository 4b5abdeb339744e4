"""The add page stores a key again whose private key cannot be decrypted any more."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Permission, User

from django_layer_identity.models import SigningKey
from tests.admin.pages import KEYS, errors, messages_of, page_of
from tests.conftest import KEY_ID, OTHER_KEY_ID
from tests.endpoint import configure
from tests.keys.test_rsa import as_pem

ADD = f"{KEYS}add/"
AGAIN = "Paste the private key again: it is not kept."
SAME = "The Layer app already has this key: the public key is the same."


@pytest.fixture
def unreadable(key, settings):
    """The app's active key, whose secret is lost."""
    entries = ["another entry of forty characters, all new"]
    configure(settings, KEY_ENCRYPTION_KEYS=entries)
    return key


@pytest.fixture
def add(admin_client, private_key):
    def add(key, client=admin_client, **fields):
        entered = {"app": key.app_id, "source": "import", "key_id": "", **fields}
        return client.post(ADD, {"private_key": as_pem(private_key), **entered})

    return add


@pytest.mark.parametrize("key_id", ["", str(KEY_ID), f"layer:///keys/{KEY_ID}"])
def test_an_unreadable_key_is_stored_again_and_its_page_is_shown(
    add, unreadable, key_id
):
    before = SigningKey.objects.values().get()

    response = add(unreadable, key_id=key_id)

    after = SigningKey.objects.values().get()
    assert [name for name in before if before[name] != after[name]] == [
        "encrypted_private_key",
        "tested_at",
    ]
    assert response.url == page_of(unreadable)
    assert messages_of(response) == [
        f"The private key of the signing key {KEY_ID} was stored again."
    ]
    assert not SigningKey.objects.get().lacks_encryption_key


def test_the_history_says_that_the_private_key_was_stored_again(add, unreadable):
    add(unreadable)

    [entry] = LogEntry.objects.all()
    assert (entry.action_flag, entry.object_id, entry.get_change_message()) == (
        CHANGE,
        str(unreadable.pk),
        "Private key stored again.",
    )


def test_a_draft_gets_the_key_id_that_was_entered(add, draft, settings, private_key):
    SigningKey.objects.filter(pk=draft.pk).update(
        fingerprint=private_key.fingerprint,
        public_key=private_key.public_key.pem,
        encrypted_private_key="damaged",
    )

    add(draft, key_id=str(KEY_ID))

    stored = SigningKey.objects.get()
    assert (stored.pk, stored.key_id, stored.state) == (draft.pk, KEY_ID, "ready")


def test_the_add_permission_is_enough(add, unreadable, client):
    user = User.objects.create_user("importer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="add_signingkey"))
    client.force_login(user)

    response = add(unreadable, client)

    assert response.url == "/admin/"
    assert not SigningKey.objects.get().lacks_encryption_key


def test_the_change_permission_is_not_enough(add, unreadable, client):
    user = User.objects.create_user("editor", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="change_signingkey"))
    client.force_login(user)

    response = add(unreadable, client)

    assert response.status_code == 403
    assert SigningKey.objects.get().lacks_encryption_key


def test_another_key_id_is_refused_beside_its_field(add, unreadable):
    response = add(unreadable, key_id=str(OTHER_KEY_ID))

    assert errors(response) == {
        "key_id": [
            f"The Layer app already has this key, with the key ID layer:///keys/{KEY_ID}. "
            "Enter that key ID, or none."
        ],
        "private_key": [AGAIN],
    }
    assert SigningKey.objects.get().lacks_encryption_key


def test_the_key_id_of_another_key_is_refused(add, unreadable, draft):
    SigningKey.objects.filter(pk=draft.pk).update(key_id=OTHER_KEY_ID)

    response = add(unreadable, key_id=str(OTHER_KEY_ID))

    assert errors(response)["key_id"] == [
        "Another key of this Layer app has this key ID."
    ]


def test_the_reason_why_a_key_is_not_stored_again_is_beside_the_private_key(
    add, unreadable
):
    unreadable.revoke("leaked")

    response = add(unreadable)

    assert errors(response) == {
        "private_key": [
            f"{SAME} It was revoked, so it is never stored again. Use another key."
        ]
    }
    assert not LogEntry.objects.exists()


def test_a_key_revoked_since_the_form_was_checked_gives_a_message(
    add, unreadable, monkeypatch
):
    unreadable.revoke("leaked")
    monkeypatch.setattr(SigningKey, "check_unreadable", once_silent())

    response = add(unreadable)

    assert response.url == ADD
    assert messages_of(response) == [
        f"{SAME} It was revoked, so it is never stored again. Use another key."
    ]
    assert SigningKey.objects.get().encrypted_private_key == ""


def once_silent():
    """Return the method, which accepts the key at the first call."""
    method, calls = SigningKey.check_unreadable, []

    def check_unreadable(key):
        calls.append(key)
        if len(calls) > 1:
            method(key)

    return check_unreadable
