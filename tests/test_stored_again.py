"""Importing a key again whose stored private key cannot be decrypted any more."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from django_layer_identity import keyring
from django_layer_identity.exceptions import (
    ConfigurationError,
    InvalidIdentifier,
    KeyExists,
    KeyStateError,
)
from django_layer_identity.models import LayerApp, SigningKey
from tests.conftest import APP_ID, KEY_ID, OTHER_KEY_ID, PROVIDER_ID
from tests.endpoint import configure
from tests.keys.test_rsa import as_pem
from tests.test_key_import import error

OTHER_ENTRIES = ["another entry of forty characters, all new"]
SAME = "The Layer app already has this key: the public key is the same."


@pytest.fixture
def lose_secret(settings):
    def lose_secret(*entries):
        configure(settings, KEY_ENCRYPTION_KEYS=entries or OTHER_ENTRIES)

    return lose_secret


@pytest.fixture
def unreadable(key, lose_secret):
    """The app's active key, whose secret is lost."""
    lose_secret()
    return key


def store(key, **values):
    SigningKey.objects.filter(pk=key.pk).update(**values)
    key.refresh_from_db()


def refusal(app, private_key, **options):
    """Import the key; return why it was refused. Nothing may have changed."""
    before = list(SigningKey.objects.values())
    with pytest.raises(KeyExists) as caught:
        keyring.import_private_key(app, as_pem(private_key), **options)
    assert list(SigningKey.objects.values()) == before
    return str(caught.value)


def test_an_unreadable_key_is_stored_again_in_its_row(unreadable, private_key):
    before = SigningKey.objects.values().get()

    key = keyring.import_private_key(unreadable.app, as_pem(private_key))

    after = SigningKey.objects.values().get()
    changed = [name for name in before if before[name] != after[name]]
    assert (key.pk, key.was_stored_again) == (unreadable.pk, True)
    assert changed == ["encrypted_private_key", "tested_at"]
    assert not key.lacks_encryption_key
    key.run_self_test()


def test_the_first_entry_encrypts_a_key_that_is_stored_again(
    unreadable, private_key, lose_secret
):
    lose_secret(*OTHER_ENTRIES, "a third entry of forty characters, all new")

    key = keyring.import_private_key(unreadable.app, as_pem(private_key))

    lose_secret(*OTHER_ENTRIES)
    assert not key.lacks_encryption_key


@pytest.mark.parametrize("damage", ["lid1", "", "nonsense", "cut-off"])
def test_a_damaged_row_is_mended(key, private_key, damage):
    damaged = key.encrypted_private_key[:-5] if damage == "cut-off" else damage
    store(key, encrypted_private_key=damaged)

    keyring.import_private_key(key.app, as_pem(private_key)).run_self_test()

    assert SigningKey.objects.get().pk == key.pk


def test_a_swapped_row_is_mended(key, draft, private_key):
    store(key, encrypted_private_key=draft.encrypted_private_key)

    keyring.import_private_key(key.app, as_pem(private_key)).run_self_test()

    assert set(SigningKey.objects.all()) == {key, draft}


def test_a_draft_that_is_stored_again_gets_the_key_id(
    app, draft, other_private_key, lose_secret
):
    lose_secret()

    key = keyring.import_private_key(app, as_pem(other_private_key), key_id=KEY_ID)

    assert (key.pk, key.key_id, key.state) == (draft.pk, KEY_ID, "ready")


def test_a_draft_without_a_key_id_stays_a_draft(
    app, draft, other_private_key, lose_secret
):
    lose_secret()

    key = keyring.import_private_key(app, as_pem(other_private_key))

    assert (key.pk, key.key_id, key.state) == (draft.pk, None, "draft")


def test_a_retired_key_that_is_stored_again_stays_retired(unreadable, private_key):
    unreadable.retire()

    key = keyring.import_private_key(
        unreadable.app, as_pem(private_key), key_id=str(KEY_ID).upper()
    )

    assert (key.pk, key.state) == (unreadable.pk, "retired")


def test_a_key_that_is_stored_again_can_be_activated(
    unreadable, private_key, other_private_key
):
    app = unreadable.app
    other = keyring.import_private_key(
        app, as_pem(other_private_key), key_id=OTHER_KEY_ID, activate=True
    )

    key = keyring.import_private_key(app, as_pem(private_key), activate=True)

    other.refresh_from_db()
    assert (key.pk, key.state, other.state) == (unreadable.pk, "active", "retired")


def test_nothing_is_stored_again_if_the_key_cannot_be_activated(
    app, draft, other_private_key, lose_secret
):
    lose_secret()
    before = SigningKey.objects.values().get()

    with pytest.raises(KeyStateError) as caught:
        keyring.import_private_key(app, as_pem(other_private_key), activate=True)

    assert str(caught.value) == (
        "Enter a key ID for this key first (layer_key_set_id)."
    )
    assert SigningKey.objects.values().get() == before


def test_a_key_that_can_be_decrypted_is_not_stored_again(key, private_key):
    assert refusal(key.app, private_key) == SAME


def test_a_key_that_a_former_entry_decrypts_is_not_stored_again(
    key, private_key, settings, lose_secret
):
    lose_secret(*OTHER_ENTRIES, *settings.LAYER_IDENTITY["KEY_ENCRYPTION_KEYS"])

    assert refusal(key.app, private_key) == SAME


def test_a_revoked_key_is_never_stored_again(unreadable, private_key):
    unreadable.revoke("leaked")

    assert refusal(unreadable.app, private_key) == (
        f"{SAME} It was revoked, so it is never stored again. Use another key."
    )


def test_a_destroyed_private_key_is_not_stored_again(unreadable, private_key):
    unreadable.retire()
    unreadable.destroy_private_key()

    assert refusal(unreadable.app, private_key) == (
        f"{SAME} Its private key was destroyed, so it is not stored again. Use another "
        "key."
    )


def test_a_key_in_a_signing_backend_is_not_stored_again(key, private_key):
    store(key, signer="hsm", encrypted_private_key="")

    assert refusal(key.app, private_key) == (
        f"{SAME} The signing backend 'hsm' holds its private key."
    )


def test_a_key_is_not_stored_again_with_another_key_id(unreadable, private_key):
    message = refusal(unreadable.app, private_key, key_id=OTHER_KEY_ID)

    assert message == (
        "The Layer app already has this key, with the key ID "
        f"layer:///keys/{KEY_ID}. Enter that key ID, or none."
    )


def test_a_draft_is_not_stored_again_with_the_id_of_another_key(
    draft, unreadable, other_private_key
):
    message = refusal(unreadable.app, other_private_key, key_id=KEY_ID)

    assert message == "Another key of this Layer app has this key ID."


def test_a_key_is_not_stored_again_with_the_id_of_the_app(unreadable, private_key):
    with pytest.raises(InvalidIdentifier, match="This is the app ID of the Layer app"):
        keyring.import_private_key(unreadable.app, as_pem(private_key), key_id=APP_ID)


def test_a_key_is_not_stored_again_without_an_entry(key, private_key, settings):
    configure(settings, KEY_ENCRYPTION_KEYS=[])

    with pytest.raises(ConfigurationError, match="is empty"):
        keyring.import_private_key(key.app, as_pem(private_key))


def test_a_row_with_another_public_key_is_not_mended(unreadable, private_key, draft):
    store(unreadable, public_key=draft.public_key)
    before = unreadable.encrypted_private_key

    with pytest.raises(KeyStateError) as caught:
        keyring.import_private_key(unreadable.app, as_pem(private_key))

    assert str(caught.value) == ("The public key does not belong to the private key.")
    unreadable.refresh_from_db()
    assert unreadable.encrypted_private_key == before


def test_the_same_key_of_another_app_is_not_changed(unreadable, private_key):
    before = unreadable.encrypted_private_key
    other = LayerApp.objects.create(
        name="Test", app_id=OTHER_KEY_ID, provider_id=PROVIDER_ID
    )

    key = keyring.import_private_key(other, as_pem(private_key))

    unreadable.refresh_from_db()
    assert (key.app, key.was_stored_again) == (other, False)
    assert unreadable.encrypted_private_key == before


def test_a_linked_key_does_not_replace_an_unreadable_key(
    unreadable, private_key, settings
):
    backend = {"BACKEND": "tests.backends.InMemory", "OPTIONS": {"key": private_key}}
    configure(settings, SIGNERS={"hsm": backend})

    with pytest.raises(KeyExists) as caught:
        keyring.link_remote_key(unreadable.app, "hsm")

    assert str(caught.value) == SAME


def test_a_key_revoked_during_the_import_is_not_stored_again(
    unreadable, private_key, before_key_write
):
    before_key_write(lambda: SigningKey.objects.get().revoke("leaked"))

    with pytest.raises(KeyExists, match="It was revoked"):
        keyring.import_private_key(unreadable.app, as_pem(private_key))

    assert SigningKey.objects.get().encrypted_private_key == ""


def test_a_stale_read_does_not_replace_a_key_that_was_revoked_since(
    unreadable, private_key, monkeypatch
):
    stale = SigningKey.objects.get()
    unreadable.revoke("leaked")
    monkeypatch.setattr(SigningKey, "find_same", lambda self: stale)

    with pytest.raises(KeyExists, match="It was revoked"):
        keyring.import_private_key(unreadable.app, as_pem(private_key))

    assert SigningKey.objects.get().encrypted_private_key == ""


@pytest.fixture
def pem_file(tmp_path, private_key):
    path = tmp_path / "private_key.pem"
    path.write_text(as_pem(private_key))
    return str(path)


def test_the_command_says_that_the_key_was_stored_again(
    unreadable, pem_file, capsys, private_key
):
    call_command("layer_key_import", "--key-id", str(KEY_ID), pem_file)

    assert capsys.readouterr() == (
        f"{private_key.fingerprint}\n",
        "The key is active. Its private key was stored again. Delete the file that you "
        "imported.\n",
    )


def test_the_command_says_why_a_key_is_not_stored_again(unreadable, pem_file):
    unreadable.revoke("leaked")

    assert error("layer_key_import", pem_file) == (
        f"{SAME} It was revoked, so it is never stored again. Use another key."
    )
