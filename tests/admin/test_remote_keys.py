"""Links to keys in signing backends."""

from __future__ import annotations

import pytest

from django_layer_identity import keyring
from django_layer_identity.exceptions import SigningBackendError
from django_layer_identity.models import SigningKey
from tests.admin.pages import KEYS, errors, messages_of, page_of, press, state_of
from tests.backends import signer
from tests.conftest import KEY_ID
from tests.endpoint import configure

ADD = f"{KEYS}add/"


@pytest.fixture
def hsm(settings, private_key):
    configure(settings, SIGNERS=signer("InMemory", key=private_key))


def entered(app, **overrides):
    return {"app": app.pk, "source": "signer:hsm", "key_id": "", **overrides}


def source_choices(response):
    return list(dict(response.context["adminform"].form.fields["source"].choices))


def test_without_signers_no_alias_is_offered(admin_client):
    assert source_choices(admin_client.get(ADD)) == ["generate", "import"]


def test_each_alias_is_offered(admin_client, hsm):
    response = admin_client.get(ADD)

    assert source_choices(response) == ["generate", "import", "signer:hsm"]
    assert (
        "Link to the key in the signing backend “hsm”: the private key stays there"
        in (response.content.decode())
    )


@pytest.mark.parametrize("key_id", ["", str(KEY_ID)])
def test_a_key_is_linked(admin_client, app, hsm, private_key, key_id):
    response = admin_client.post(ADD, entered(app, key_id=key_id))

    key = SigningKey.objects.get()
    assert response.status_code == 302
    assert (key.signer, key.fingerprint) == ("hsm", private_key.fingerprint)
    assert key.encrypted_private_key == ""


def test_a_linked_key_ignores_a_pasted_private_key(admin_client, app, hsm):
    admin_client.post(ADD, entered(app, private_key="layer"))

    assert SigningKey.objects.get().signer == "hsm"


def test_a_key_is_not_linked_twice(admin_client, app, hsm):
    keyring.link_remote_key(app, "hsm")

    response = admin_client.post(ADD, entered(app))

    assert errors(response) == {
        "__all__": ["The Layer app already has this key: the public key is the same."]
    }


def test_the_error_of_a_signing_backend_names_its_alias(
    admin_client, app, settings, private_key, monkeypatch
):
    def fail(backend):
        raise SigningBackendError("the token labelled 'layer' was not found")

    monkeypatch.setattr("tests.backends.InMemory.public_key", fail)
    configure(settings, SIGNERS=signer("InMemory", key=private_key))

    response = admin_client.post(ADD, entered(app))

    assert errors(response) == {
        "__all__": ["SIGNERS['hsm']: the token labelled 'layer' was not found."]
    }
    assert SigningKey.objects.count() == 0


def test_a_signing_backend_that_cannot_be_created_is_an_error_of_the_form(
    admin_client, app, settings
):
    error = LookupError("no vault for the token 8765")
    configure(settings, SIGNERS=signer("Unbuildable", error=error))

    response = admin_client.post(ADD, entered(app))

    assert errors(response) == {
        "__all__": ["SIGNERS['hsm']: the backend cannot be created (LookupError)."]
    }
    assert SigningKey.objects.count() == 0


def test_an_alias_that_is_not_offered_is_refused(admin_client, app, hsm):
    response = admin_client.post(ADD, entered(app, source="signer:other"))

    assert list(errors(response)) == ["source"]
    assert SigningKey.objects.count() == 0


def test_the_guide_leads_a_linked_key_to_active(admin_client, app, hsm):
    key = keyring.link_remote_key(app, "hsm")
    key.set_key_id(KEY_ID)

    page = admin_client.get(page_of(key)).content.decode()
    press(admin_client, "self_test", key)
    press(admin_client, "activate", key)

    assert "The private key stays in the signing backend." in page
    assert state_of(key) == "active"


@pytest.mark.parametrize("button", ["self_test", "activate"])
def test_the_message_says_why_a_signing_backend_did_not_sign(
    admin_client, app, settings, private_key, hsm, button
):
    key = keyring.link_remote_key(app, "hsm", key_id=KEY_ID)
    error = SigningBackendError("the token labelled 'layer' refused the PIN")
    configure(settings, SIGNERS=signer("Broken", key=private_key, error=error))

    response = press(admin_client, button, key)

    assert messages_of(response) == [
        f"The signing key {key} was not changed. SIGNERS['hsm']: "
        "the token labelled 'layer' refused the PIN."
    ]
    assert state_of(key) == "ready"
