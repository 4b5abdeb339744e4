"""The story of a lost secret, from the README's settings to the next token."""

from __future__ import annotations

from uuid import UUID

import jwt
import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from pytest_django.asserts import assertContains, assertNotContains

from django_layer_identity.models import SigningKey
from tests.conftest import APP_ID, KEY_ID, PROVIDER_ID
from tests.endpoint import NONCE, ask, read
from tests.fresh import SETTINGS
from tests.internals import reset_process_state
from tests.keys.test_rsa import as_pem

SECRET = "LAYER_KEY_ENCRYPTION_KEY"  # the environment variable of the README
CANNOT_BE_DECRYPTED = (
    f"The active signing key {KEY_ID} of the Layer app 'Messenger' cannot be decrypted "
    "with the present LAYER_IDENTITY['KEY_ENCRYPTION_KEYS']: users of this app get no "
    "identity tokens (503 signing_failed)."
)


@pytest.fixture
def restart(monkeypatch, settings):
    """Start the project again, with the README's settings and a secret."""

    def restart(secret):
        monkeypatch.setenv(SECRET, secret)
        project = {"INSTALLED_APPS": []}
        exec(SETTINGS, project)  # noqa: S102  # nosec B102
        settings.LAYER_IDENTITY = project["LAYER_IDENTITY"]
        reset_process_state()

    return restart


@pytest.fixture
def run(capsys):
    """Call a command; return the output and the remarks that it prints."""

    def run(*args):
        call_command(*args)
        return capsys.readouterr()

    return run


def test_a_lost_secret_is_noticed_named_and_mended(
    admin_client, alice, private_key, tmp_path, restart, run
):
    pem = tmp_path / "private_key.pem"
    pem.write_text(as_pem(private_key))
    imported = ["layer_key_import", "--key-id", str(KEY_ID), "--activate", str(pem)]

    # A project is installed: a secret, one Layer app, an active key.
    restart(run("layer_encryption_key").out)
    run(
        *("layer_app_create", "--name", "Messenger"),
        *("--app-id", str(APP_ID), "--provider-id", str(PROVIDER_ID)),
    )
    run(*imported)
    assert signed_by(private_key, ask(alice, nonce=NONCE)) == KEY_ID
    assert "W011" not in run("check", "--database", "default").err
    stored = SigningKey.objects.values().get()

    # The secret is replaced. Users get no tokens, and the checks say why.
    restart(run("layer_encryption_key").out)
    status, body = read(ask(alice, nonce=NONCE))
    assert (status, body["code"]) == (503, "signing_failed")
    warned = run("check", "--database", "default").err
    assert f"WARNINGS:\n?: (layer_identity.W011) {CANNOT_BE_DECRYPTED}" in warned
    with pytest.raises(SystemCheckError) as caught:
        run("check", "--database", "default", "--deploy")
    errors = str(caught.value).partition("WARNINGS:")[0]
    assert f"?: (layer_identity.E011) {CANNOT_BE_DECRYPTED}" in errors

    # The admin shows it in the lists and on the pages of the key and the app.
    pages = "signingkey/", f"signingkey/{stored['id']}/change/", "layerapp/"
    for page in (*pages, f"layerapp/{stored['app_id']}/change/"):
        assertContains(
            admin_client.get(f"/admin/layer_identity/{page}"), "cannot be decrypted"
        )

    # The same key is imported again: the row, the key ID and the state stay.
    assert run(*imported) == (
        f"{private_key.fingerprint}\n",
        "The key is active. Its private key was stored again. Delete the file that you "
        "imported.\n",
    )
    mended = SigningKey.objects.values().get()
    changed = [name for name in stored if stored[name] != mended[name]]
    assert changed == ["encrypted_private_key", "tested_at"]
    assert "W011" not in run("check", "--database", "default").err
    for page in pages:
        assertNotContains(
            admin_client.get(f"/admin/layer_identity/{page}"), "cannot be decrypted"
        )
    assert signed_by(private_key, ask(alice, nonce=NONCE)) == KEY_ID


def signed_by(private_key, response):
    """Verify the token with the public key, and return the key ID in its header."""
    status, body = read(response)
    assert status == 200
    token = body["identity_token"]
    public_key = private_key.public_key.pem
    claims = jwt.decode(token, public_key, algorithms=["RS256"])
    assert claims["prn"] == "alice"
    return UUID(jwt.get_unverified_header(token)["kid"].removeprefix("layer:///keys/"))


def test_the_readmes_settings_pass_the_checks_before_the_secret_is_set(
    restart, run, db
):
    restart("")

    run("check", "--database", "default")  # an error would be raised
