"""Creating, finding and constraining signing keys."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from django_layer_identity import keyring
from django_layer_identity.exceptions import (
    ConfigurationError,
    InvalidIdentifier,
    InvalidKey,
    KeyExists,
    KeyStateError,
    NotFound,
)
from django_layer_identity.models import LayerApp, SigningKey
from django_layer_identity.protocol.validation import KnownKey
from tests.conftest import APP_ID, KEY_ID, OTHER_KEY_ID, PROVIDER_ID
from tests.keys.test_rsa import as_pem


@pytest.fixture
def other_app(db):
    return LayerApp.objects.create(
        name="Test", app_id=OTHER_KEY_ID, provider_id=PROVIDER_ID
    )


def refusal_message(operation, *args):
    with pytest.raises(KeyStateError) as caught:
        operation(*args)
    return str(caught.value)


def test_an_imported_key_is_described_and_encrypted(app, private_key):
    key = keyring.import_private_key(app, as_pem(private_key))

    key.refresh_from_db()
    assert key.fingerprint == private_key.fingerprint
    assert key.public_key == private_key.public_key.pem
    assert key.bits == 2048
    assert key.encrypted_private_key.startswith("lid1:")
    assert key.state == "draft"


def test_a_key_can_be_imported_with_its_id_and_activated(app, private_key):
    key = keyring.import_private_key(
        app, as_pem(private_key), key_id=f"layer:///keys/{KEY_ID}", activate=True
    )

    assert key.state == "active"
    assert str(key.identifier) == f"layer:///keys/{KEY_ID}"


def test_a_generated_key_has_the_size_asked_for(app):
    key = keyring.generate_private_key(app, bits=3072, key_id=KEY_ID)

    assert key.bits == 3072
    assert key.state == "ready"


def test_a_key_without_an_id_is_not_activated_and_not_stored(app, private_key):
    message = refusal_message(
        lambda: keyring.import_private_key(app, as_pem(private_key), activate=True)
    )

    assert message == "Enter a key ID for this key first (layer_key_set_id)."
    assert not SigningKey.objects.exists()


@pytest.mark.parametrize(
    ("key_id", "message"),
    [
        ("my key", "A key ID must be a UUID or have the form layer:///keys/<uuid>."),
        (
            f"layer:///providers/{PROVIDER_ID}",
            "This is a provider ID. Use a key ID here.",
        ),
        (
            str(PROVIDER_ID),
            "This is the provider ID of the Layer app. Enter the key ID instead.",
        ),
        (APP_ID, "This is the app ID of the Layer app. Enter the key ID instead."),
    ],
)
def test_an_id_of_another_object_is_not_a_key_id(app, private_key, key_id, message):
    with pytest.raises(InvalidIdentifier) as caught:
        keyring.import_private_key(app, as_pem(private_key), key_id=key_id)

    assert str(caught.value) == message
    assert not SigningKey.objects.exists()


def test_a_key_is_imported_once_per_app(key, private_key, other_app):
    pem = as_pem(private_key)
    with pytest.raises(KeyExists) as caught:
        keyring.import_private_key(key.app, pem)

    assert str(caught.value) == (
        "The Layer app already has this key: the public key is the same."
    )
    assert keyring.import_private_key(other_app, pem).state == "draft"


def test_a_key_id_is_unique_per_app(key, other_private_key):
    with pytest.raises(KeyExists) as caught:
        keyring.import_private_key(key.app, as_pem(other_private_key), key_id=KEY_ID)

    assert str(caught.value) == "Another key of this Layer app has this key ID."


def test_the_database_constraint_catches_a_duplicate_key(key, monkeypatch):
    monkeypatch.setattr(SigningKey, "validate_constraints", lambda self: None)
    duplicate = SigningKey(app=key.app, fingerprint=key.fingerprint, bits=2048)

    with pytest.raises(KeyExists) as caught:
        duplicate.save_unique()

    assert (
        str(caught.value) == "Another request has just stored this key or its key ID."
    )


def test_nothing_is_stored_unencrypted(app, settings):
    settings.LAYER_IDENTITY = {}

    with pytest.raises(ConfigurationError):
        keyring.generate_private_key(app)

    assert not SigningKey.objects.exists()


def test_an_invalid_key_is_not_stored(app):
    with pytest.raises(InvalidKey):
        keyring.import_private_key(app, "hello")

    assert not SigningKey.objects.exists()


def test_a_key_is_shown_by_its_id_or_the_start_of_its_fingerprint(key, draft):
    assert str(key) == str(KEY_ID)
    assert str(draft) == draft.fingerprint[:16]
    assert draft.identifier is None


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"revoked_at": "2024-01-01T00:00Z"}, id="revoked"),
        pytest.param({"key_id": None}, id="without-an-id"),
    ],
)
def test_the_database_refuses_an_active_key_that_cannot_sign(key, change):
    with pytest.raises(IntegrityError), transaction.atomic():
        SigningKey.objects.update(**change)


def test_the_database_refuses_a_key_active_for_another_app(key, other_app):
    with pytest.raises(IntegrityError), transaction.atomic():
        SigningKey.objects.update(active_for=other_app)


def test_the_database_refuses_a_second_active_key(key, draft):
    draft.set_key_id(OTHER_KEY_ID)

    with pytest.raises(IntegrityError), transaction.atomic():
        SigningKey.objects.update(active_for=key.app)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(lambda key: str(key.key_id), id="id"),
        pytest.param(lambda key: str(key.identifier), id="prefixed-id"),
        pytest.param(lambda key: key.fingerprint, id="fingerprint"),
        pytest.param(lambda key: key.fingerprint[:8].upper(), id="its-start"),
    ],
)
def test_an_administrator_finds_a_key(key, draft, name):
    assert SigningKey.objects.get_by_id_or_fingerprint(name(key)) == key


@pytest.mark.parametrize("name", [str(OTHER_KEY_ID), "0" * 64, "00000000"])
def test_an_unknown_name_is_not_found(key, name):
    with pytest.raises(NotFound) as caught:
        SigningKey.objects.get_by_id_or_fingerprint(name)

    assert str(caught.value) == f"No signing key matches {name!r}."


def test_an_ambiguous_name_is_refused(key, other_app, private_key):
    SigningKey.from_private_key(other_app, private_key).save()

    with pytest.raises(NotFound) as caught:
        SigningKey.objects.get_by_id_or_fingerprint(key.fingerprint)

    assert str(caught.value) == (
        f"Several signing keys match {key.fingerprint!r}. Name the Layer app too."
    )
    assert SigningKey.objects.get_by_id_or_fingerprint(key.fingerprint, key.app) == key


@pytest.mark.parametrize(
    "name", ["", "abc", "my key", "f" * 65, f"layer:///apps/{KEY_ID}"]
)
def test_an_invalid_name_is_refused_with_an_explanation(key, name):
    with pytest.raises(NotFound) as caught:
        SigningKey.objects.get_by_id_or_fingerprint(name)

    assert str(caught.value) == (
        f"{name!r} is neither a key ID nor the first 8 or more digits of a fingerprint."
    )


def test_neither_str_nor_repr_shows_the_stored_private_key(key):
    assert "lid1" not in f"{key!s}{key!r}"


def test_a_key_knows_whether_the_setting_has_the_entry_that_encrypted_it(
    settings, app, private_key
):
    key = keyring.import_private_key(app, as_pem(private_key))
    present = key.lacks_encryption_key
    settings.LAYER_IDENTITY = {
        "KEY_ENCRYPTION_KEYS": ["another entry of forty characters, all new"]
    }
    other = key.lacks_encryption_key

    assert (present, other) == (False, True)


def test_a_key_without_a_stored_private_key_needs_no_encryption_key(settings, app):
    settings.LAYER_IDENTITY = {}

    assert not SigningKey(app=app).lacks_encryption_key


def test_a_key_can_be_given_to_a_verifier(app, key, private_key):
    assert key.as_known_key() == KnownKey(
        key_id=f"layer:///keys/{KEY_ID}",
        public_key=private_key.public_key.pem,
        app_id=f"layer:///apps/production/{APP_ID}",
        provider_id=f"layer:///providers/{PROVIDER_ID}",
        state="active",
    )


def test_a_draft_can_be_given_to_a_verifier_that_looks_for_the_signer(draft):
    known = draft.as_known_key()

    assert (known.key_id, known.state) == ("", "draft")
