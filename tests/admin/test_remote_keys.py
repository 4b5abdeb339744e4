"""Taking in a key that is kept elsewhere."""

from __future__ import annotations

import pytest

from django_layer_identity import keyring
from django_layer_identity.exceptions import SigningBackendError
from django_layer_identity.models import SigningKey
from tests.admin.pages import KEYS, errors, page_of, press, said, state_of
from tests.backends import signer
from tests.conftest import KEY_ID
from tests.endpoint import configure

ADD = f"{KEYS}add/"


@pytest.fixture
def hsm(settings, private_key):
    configure(settings, SIGNERS=signer("InMemory", key=private_key))


def entered(app, **overrides):
    return {"app": app.pk, "source": "signer:hsm", "key_id": "", **overrides}


def offered(response):
    return list(dict(response.context["adminform"].form.fields["source"].choices))


def test_no_alias_is_offered_where_there_is_none(admin_client):
    assert offered(admin_client.get(ADD)) == ["import", "generate"]


def test_each_alias_is_offered(admin_client, hsm):
    response = admin_client.get(ADD)

    assert offered(response) == ["import", "generate", "signer:hsm"]
    assert "Take the key that is kept at “hsm”; it stays there" in (
        response.content.decode()
    )


@pytest.mark.parametrize("key_id", ["", str(KEY_ID)])
def test_a_key_is_taken_in(admin_client, app, hsm, private_key, key_id):
    response = admin_client.post(ADD, entered(app, key_id=key_id))

    key = SigningKey.objects.get()
    assert response.status_code == 302
    assert (key.signer, key.fingerprint) == ("hsm", private_key.fingerprint)
    assert key.encrypted_private_key == ""


def test_what_was_pasted_besides_does_not_count(admin_client, app, hsm):
    admin_client.post(ADD, entered(app, private_key="layer"))

    assert SigningKey.objects.get().signer == "hsm"


def test_a_key_that_is_there_is_refused(admin_client, app, hsm):
    keyring.link_remote_key(app, "hsm")

    response = admin_client.post(ADD, entered(app))

    assert errors(response) == {
        "__all__": ["The Layer app already has this key: the public key is the same."]
    }


def test_a_key_that_cannot_be_reached_is_named(
    admin_client, app, settings, private_key, monkeypatch
):
    def fail(backend):
        raise SigningBackendError("the token labelled 'layer' is not there")

    monkeypatch.setattr("tests.backends.InMemory.public_key", fail)
    configure(settings, SIGNERS=signer("InMemory", key=private_key))

    response = admin_client.post(ADD, entered(app))

    assert errors(response) == {
        "__all__": ["SIGNERS['hsm']: the token labelled 'layer' is not there."]
    }
    assert SigningKey.objects.count() == 0


def test_an_alias_that_is_not_offered_is_refused(admin_client, app, hsm):
    response = admin_client.post(ADD, entered(app, source="signer:other"))

    assert list(errors(response)) == ["source"]
    assert SigningKey.objects.count() == 0


def test_the_guide_leads_a_key_to_activity_where_it_is_kept(admin_client, app, hsm):
    key = keyring.link_remote_key(app, "hsm")
    key.set_key_id(KEY_ID)

    page = admin_client.get(page_of(key)).content.decode()
    press(admin_client, "self_test", key)
    press(admin_client, "activate", key)

    assert "The private half stays with its signer and never comes here." in page
    assert state_of(key) == "active"


@pytest.mark.parametrize("button", ["self_test", "activate"])
def test_a_key_that_does_not_sign_says_why(
    admin_client, app, settings, private_key, hsm, button
):
    key = keyring.link_remote_key(app, "hsm", key_id=KEY_ID)
    error = SigningBackendError("the token labelled 'layer' refused the PIN")
    configure(settings, SIGNERS=signer("Broken", key=private_key, error=error))

    response = press(admin_client, button, key)

    assert said(response) == [
        f"The signing key {key} stays ready: SIGNERS['hsm']: the token labelled "
        "'layer' refused the PIN."
    ]
    assert state_of(key) == "ready"
