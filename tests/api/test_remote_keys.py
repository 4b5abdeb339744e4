"""Remote keys: imported, activated, and used by the endpoint."""

from __future__ import annotations

from threading import Event, Semaphore
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from django_layer_identity import keyring
from django_layer_identity.exceptions import (
    ConfigurationError,
    InvalidKey,
    KeyExists,
    KeyStateError,
    SigningBackendError,
)
from django_layer_identity.keys.rsa import public_pem
from django_layer_identity.models import SigningKey
from django_layer_identity.sandbox import state
from tests.backends import signer
from tests.conftest import KEY_ID, OTHER_KEY_ID
from tests.endpoint import NONCE, ask, configure, decode, read, refusal
from tests.sandbox.layer import ACCEPT, post_session

SIGNING_FAILED = refusal(
    503, "signing_failed", "The identity token could not be signed. Try again later."
)


def import_key(app, **options):
    return keyring.link_remote_key(app, "hsm", **options)


@pytest.fixture
def hsm(settings, private_key):
    """Configure the alias “hsm” with a backend that has the private key."""

    def use(backend="InMemory", **options):
        configure(settings, SIGNERS=signer(backend, key=private_key, **options))

    use()
    return use


@pytest.fixture
def remote_key(app, hsm):
    """The app's active key, which is remote."""
    return import_key(app, key_id=KEY_ID, activate=True)


def test_a_row_has_the_public_key_and_an_alias(app, hsm, private_key):
    key = import_key(app)

    assert (key.signer, key.state, key.key_id) == ("hsm", "draft", None)
    assert (key.public_key, key.fingerprint, key.bits) == (
        private_key.public_key.pem,
        private_key.fingerprint,
        2048,
    )
    assert key.encrypted_private_key == ""


def test_no_encryption_key_is_needed(app, hsm, settings):
    configure(settings, KEY_ENCRYPTION_KEYS=[])

    assert import_key(app, key_id=KEY_ID, activate=True).state == "active"


def test_a_key_with_an_id_has_passed_its_self_test(app, hsm):
    assert import_key(app, key_id=KEY_ID).state == "ready"


def test_a_token_of_a_remote_key_is_valid(remote_key, alice):
    status, body = read(ask(alice, nonce=NONCE))

    assert status == 200
    assert decode(body["identity_token"], remote_key)["prn"] == "alice"


def test_the_sandbox_accepts_a_token_of_a_remote_key(remote_key, alice):
    _, body = read(ask(alice, nonce=state.create_nonce()))

    session = post_session(Client(headers={"accept": ACCEPT}), body["identity_token"])

    assert session.status_code == 201


def test_a_remote_key_can_replace_a_local_key(key, settings, alice, other_private_key):
    configure(settings, SIGNERS=signer("InMemory", key=other_private_key))

    remote = import_key(key.app, key_id=OTHER_KEY_ID, activate=True)
    key.activate()
    remote.activate()

    _, body = read(ask(alice, nonce=NONCE))
    assert decode(body["identity_token"], remote)["prn"] == "alice"


def test_a_backend_that_hangs_causes_signing_failed_in_time(
    remote_key, hsm, alice, caplog
):
    gate = Event()
    hsm("Hanging", gate=gate, entered=Semaphore(0), TIMEOUT=0.05)

    answer = read(ask(alice, nonce=NONCE))
    gate.set()

    assert answer == SIGNING_FAILED
    assert "SIGNERS['hsm']: no answer within 0.05 seconds." in caplog.text


def test_a_signature_of_another_key_is_never_sent(
    remote_key, hsm, alice, caplog, other_private_key
):
    hsm("WrongKey", other=other_private_key)

    assert read(ask(alice, nonce=NONCE)) == SIGNING_FAILED
    assert "the signature does not match the public key stored here" in caplog.text


def test_a_missing_alias_signs_nothing(remote_key, settings, alice, caplog):
    configure(settings, SIGNERS={})

    assert read(ask(alice, nonce=NONCE)) == SIGNING_FAILED
    assert (
        "SIGNERS['hsm'] is missing or is not a dict. It must be a dict with BACKEND "
        "and OPTIONS." in caplog.text
    )


@pytest.mark.parametrize(
    ("error", "reason", "has_traceback"),
    [
        (SigningBackendError("no such key"), "no such key", False),
        (RuntimeError("a bug"), "the backend raised RuntimeError", True),
    ],
    ids=["own", "unexpected"],
)
def test_only_an_unexpected_error_of_a_backend_is_logged_with_its_traceback(
    remote_key, hsm, alice, caplog, error, reason, has_traceback
):
    hsm("Broken", error=error)

    ask(alice, nonce=NONCE)

    [record] = [one for one in caplog.records if one.name == "django_layer_identity"]
    assert bool(record.exc_info) == has_traceback
    assert f"SIGNERS['hsm']: {reason}." in caplog.text


def test_a_corrected_setting_works_at_the_next_request(remote_key, hsm, alice):
    hsm("Broken", error=SigningBackendError("no such key"))
    assert read(ask(alice, nonce=NONCE)) == SIGNING_FAILED

    hsm()

    assert read(ask(alice, nonce=NONCE))[0] == 200


def test_a_key_that_fails_its_self_test_is_not_activated(app, hsm, other_private_key):
    hsm("WrongKey", other=other_private_key)

    with pytest.raises(
        SigningBackendError, match="does not match the public key stored here"
    ):
        import_key(app, key_id=KEY_ID, activate=True)

    assert SigningKey.objects.count() == 0


def test_revoking_a_remote_key_is_final_and_keeps_the_alias(remote_key, alice):
    remote_key.revoke("leaked")

    assert (remote_key.state, remote_key.signer) == ("revoked", "hsm")
    # Only the owner of the PKCS#11 token can destroy the private key.
    assert remote_key.destroyed_at is None
    with pytest.raises(KeyStateError, match="A revoked key cannot sign"):
        remote_key.load_signer()


def test_a_remote_private_key_cannot_be_destroyed(remote_key):
    remote_key.retire()

    with pytest.raises(KeyStateError, match="destroy it there"):
        remote_key.destroy_private_key()


def test_a_key_is_imported_once(app, hsm):
    import_key(app)

    with pytest.raises(KeyExists):
        import_key(app)


@pytest.mark.parametrize("bits", [1024, 8192])
def test_a_remote_key_of_an_unaccepted_size_is_refused(app, settings, bits):
    public_key = SimpleNamespace(pem=public_pem(2 ** (bits - 1) + 1, 65537))
    key = SimpleNamespace(public_key=public_key)
    configure(settings, SIGNERS=signer("InMemory", key=key))

    with pytest.raises(InvalidKey, match=rf"^This key has {bits} bits\. It must"):
        import_key(app)


def test_an_unknown_alias_is_refused(app):
    with pytest.raises(ConfigurationError, match=r"^SIGNERS\['hsm'\] is missing"):
        import_key(app)


def test_the_command_prints_only_the_fingerprint_to_standard_output(
    app, hsm, private_key, capsys
):
    call_command("layer_key_import", "--signer", "hsm", "--key-id", str(KEY_ID))

    printed = capsys.readouterr()
    assert printed.out == f"{private_key.fingerprint}\n"
    assert printed.err == (
        "The key is ready, but it signs nothing yet. Next: layer_key_activate 40293bb4. "
        "Its public key:\n" + private_key.public_key.pem
    )


@pytest.mark.parametrize("arguments", [[], ["--signer", "hsm", "key.pem"]])
def test_the_command_takes_a_file_or_a_signer(app, hsm, arguments):
    with pytest.raises(CommandError) as caught:
        call_command("layer_key_import", *arguments)

    assert str(caught.value) == "Give either FILE or --signer ALIAS."


def test_the_command_shows_the_error_of_the_backend(app, hsm, capsys):
    hsm("Broken", error=SigningBackendError("the token refused the PIN"))

    with pytest.raises(CommandError) as caught:
        call_command("layer_key_import", "--signer", "hsm", "--key-id", str(KEY_ID))

    assert str(caught.value) == "SIGNERS['hsm']: the token refused the PIN."
