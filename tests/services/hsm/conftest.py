"""A separate token with a key for each test, and settings that use it."""

from __future__ import annotations

import shutil

import pytest

from django_layer_identity import keyring
from tests.conftest import KEY_ID
from tests.endpoint import configure
from tests.internals import reopen_tokens
from tests.services.hsm import softhsm
from tests.services.hsm.softhsm import PIN


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """The folder that each test copies: it has a token with a key."""
    module, folder = softhsm.find_module(), tmp_path_factory.mktemp("softhsm")
    softhsm.make_token(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
        softhsm.make_key(module)
    return folder


@pytest.fixture
def folder(template, tmp_path, monkeypatch):
    """The folder with the test's token, and with the PIN in the file “pin”."""
    shutil.copytree(template / "tokens", tmp_path / "tokens")
    (tmp_path / "pin").write_text(f"{PIN}\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(softhsm.configure(tmp_path)))
    reopen_tokens()
    yield tmp_path
    reopen_tokens()


@pytest.fixture
def hsm(settings, folder):
    """Configure the alias “hsm” for the key in the token. Call it to change options."""
    defaults = {
        "MODULE": softhsm.find_module(),
        "TOKEN_LABEL": softhsm.TOKEN,
        "KEY_LABEL": softhsm.KEY,
        "PIN_FILE": str(folder / "pin"),
        "TIMEOUT": 30,
    }

    def use(**changes):
        options = {**defaults, **changes}
        options = {name: value for name, value in options.items() if value is not None}
        backend = "django_layer_identity.keys.pkcs11.PKCS11Backend"
        entry = {"BACKEND": backend, "OPTIONS": options}
        configure(settings, SIGNERS={"hsm": entry})

    use()
    return use


@pytest.fixture
def key(app, hsm):
    """The app's active key. Its private key is in the token."""
    return keyring.link_remote_key(app, "hsm", key_id=KEY_ID, activate=True)
