"""Keys in SoftHSM 2 (Debian's package): successes and failures of an HSM."""

from __future__ import annotations

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import jwt
import pkcs11
import pytest
from django.test import Client
from django.views.debug import ExceptionReporter

from django_layer_identity.exceptions import SigningBackendError
from django_layer_identity.keys.backends import get_backend
from django_layer_identity.sandbox import state
from tests.endpoint import NONCE, ask, read, refusal
from tests.internals import expect_initialized_tokens, reopen_tokens
from tests.sandbox.layer import ACCEPT, post_session
from tests.services.hsm import softhsm
from tests.services.hsm.softhsm import PIN, held, removed
from tests.services.waiting import wait_until

pytestmark = [pytest.mark.service, pytest.mark.django_db]

SIGNING_FAILED = refusal(
    503, "signing_failed", "The identity token could not be signed. Try again later."
)
WRONG_PIN = "7319-8264"


def openssl_verifies(folder, public_pem, message, signature):
    for name, content in (("public", public_pem), ("message", message)):
        (folder / name).write_text(content)
    (folder / "signature").write_bytes(signature)
    command = "openssl dgst -sha256 -verify public -signature signature message"
    done = subprocess.run(
        command.split(), cwd=folder, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def test_a_token_signed_in_softhsm_is_accepted_by_openssl(key, alice, folder):
    _, body = read(ask(alice, nonce=NONCE))

    message, _, signature = body["identity_token"].rpartition(".")
    signature = jwt.utils.base64url_decode(signature)
    assert openssl_verifies(folder, key.public_key, message, signature) == "Verified OK"
    assert openssl_verifies(folder, key.public_key, message + "x", signature) == (
        "Verification failure"
    )


def test_a_token_signed_in_softhsm_is_accepted_by_the_sandbox(key, alice):
    _, body = read(ask(alice, nonce=state.create_nonce()))

    session = post_session(Client(headers={"accept": ACCEPT}), body["identity_token"])

    assert session.status_code == 201


def test_the_private_key_cannot_be_extracted(key, hsm, folder):
    library = pkcs11.lib(softhsm.find_module())
    token = library.get_token(token_label=softhsm.TOKEN)

    private = token.open().get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY)

    assert private[pkcs11.Attribute.SENSITIVE] is True
    assert private[pkcs11.Attribute.EXTRACTABLE] is False
    assert key.encrypted_private_key == ""


@pytest.mark.parametrize(
    "names",
    [
        {"KEY_LABEL": None, "KEY_ID": softhsm.KEY_ID},
        {"KEY_ID": softhsm.KEY_ID.upper()},
    ],
    ids=["id", "both"],
)
def test_a_key_is_found_by_its_id(key, hsm, alice, names):
    hsm(**names)

    assert read(ask(alice, nonce=NONCE))[0] == 200


def test_the_pin_comes_from_the_environment(key, hsm, alice, monkeypatch):
    monkeypatch.setenv("HSM_PIN_SECRET", PIN)
    reopen_tokens()
    hsm(PIN_FILE=None, PIN_ENV="HSM_PIN_SECRET")

    assert read(ask(alice, nonce=NONCE))[0] == 200


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"MODULE": "/nowhere/libhsm.so"},
            "SIGNERS['hsm']: the module '/nowhere/libhsm.so' cannot be loaded: ",
        ),
        (
            {"TOKEN_LABEL": "other"},
            "SIGNERS['hsm']: the token labelled 'other' was not found.",
        ),
        (
            {"KEY_LABEL": "layer-2027", "KEY_ID": "0b"},
            "SIGNERS['hsm']: the token labelled 'layer' has no private RSA key with "
            "the label 'layer-2027' and the ID '0b'.",
        ),
        (
            {"PIN_FILE": "/nowhere/pin"},
            "SIGNERS['hsm']: the PIN file '/nowhere/pin' cannot be read: "
            "No such file or directory.",
        ),
    ],
    ids=["module", "token", "key", "pin"],
)
def test_the_log_names_what_is_missing(key, hsm, alice, caplog, changes, reason):
    reopen_tokens()
    hsm(**changes)

    assert read(ask(alice, nonce=NONCE)) == SIGNING_FAILED
    assert reason in caplog.text

    hsm()

    assert read(ask(alice, nonce=NONCE))[0] == 200


def test_two_keys_with_the_same_name_are_refused(key, hsm, alice, caplog):
    softhsm.make_key(softhsm.find_module())
    reopen_tokens()

    assert read(ask(alice, nonce=NONCE)) == SIGNING_FAILED
    assert "has more than one private RSA key with the label 'layer-2026'" in (
        caplog.text
    )


def test_the_signature_of_another_key_with_the_same_name_is_refused(
    key, alice, folder, caplog
):
    shutil.rmtree(folder / "tokens")
    softhsm.make_token(folder)
    softhsm.make_key(softhsm.find_module())

    assert read(ask(alice, nonce=NONCE)) == SIGNING_FAILED
    assert "the signature does not match the public key stored here" in (caplog.text)


def test_a_wrong_pin_is_sent_only_once(key, alice, folder, caplog):
    reopen_tokens()
    (folder / "pin").write_text("1111-2222")

    assert read(ask(alice, nonce=NONCE)) == SIGNING_FAILED
    assert "the token labelled 'layer' refused the PIN." in caplog.text
    caplog.clear()
    assert read(ask(alice, nonce=NONCE)) == SIGNING_FAILED
    assert "refused the PIN, which is not sent again until it changes" in (caplog.text)

    (folder / "pin").write_text(PIN)

    assert read(ask(alice, nonce=NONCE))[0] == 200


@pytest.mark.parametrize("used_before", [True, False])
def test_a_removed_token_is_used_again_when_it_returns(
    key, alice, folder, caplog, used_before
):
    if not used_before:
        reopen_tokens()

    with removed(folder):
        assert read(ask(alice, nonce=NONCE)) == SIGNING_FAILED
    assert "SIGNERS['hsm']: the token labelled 'layer' was not found." in caplog.text

    assert read(ask(alice, nonce=NONCE))[0] == 200


def test_a_hanging_token_is_used_again_when_it_answers(key, hsm, alice, folder, caplog):
    hsm(TIMEOUT=0.2)

    with held(folder):
        answers = [read(ask(alice, nonce=NONCE)) for _ in range(4)]

    assert answers == [SIGNING_FAILED] * 4
    assert caplog.text.count("no answer within 0.2 seconds") == 1
    assert (
        "no call can start, because earlier calls (1) timed out and have not returned"
        in caplog.text
    )
    hsm()
    wait_until(lambda: ask(alice, nonce=NONCE).status_code == 200)


def test_a_module_that_hangs_in_finalize_does_not_block_other_requests(
    key, hsm, alice, folder, caplog
):
    with softhsm.hanging_module(folder) as module:
        hsm(MODULE=module)
        assert read(ask(alice, nonce=NONCE)) == SIGNING_FAILED
        assert "failed: GeneralError" in caplog.text

        hsm(MODULE=module, TIMEOUT=0.2)
        assert read(ask(alice, nonce=NONCE)) == SIGNING_FAILED
        assert (folder / "gate").exists()  # the module still hangs
        assert "no answer within 0.2 seconds" in caplog.text

    hsm()
    assert read(ask(alice, nonce=NONCE))[0] == 200


def test_a_stale_session_is_opened_again(key, alice):
    pkcs11.lib(softhsm.find_module()).reinitialize()

    assert read(ask(alice, nonce=NONCE))[0] == 200


def test_concurrent_threads_are_served(key):
    signer = key.load_signer()

    with ThreadPoolExecutor(8) as pool:
        signatures = set(pool.map(signer.sign, [b"message"] * 64))

    assert len(signatures) == 1


def test_other_code_in_the_process_may_be_logged_in_already(hsm, key):
    reopen_tokens()
    library = pkcs11.lib(softhsm.find_module())
    library.reinitialize()
    library.get_token(token_label=softhsm.TOKEN).open(user_pin=PIN)
    expect_initialized_tokens()

    assert key.load_signer().sign(b"message")


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_process_opens_its_own_session(key):
    expected = key.load_signer().sign(b"message")

    child = os.fork()
    if not child:
        is_equal = False
        try:
            is_equal = key.load_signer().sign(b"message") == expected
        finally:
            os._exit(0 if is_equal else 1)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert key.load_signer().sign(b"message") == expected


@pytest.mark.parametrize("where", ["file", "environment"])
@pytest.mark.parametrize("debug", [True, False])
def test_error_pages_do_not_show_the_pin(
    hsm, folder, settings, rf, monkeypatch, where, debug
):
    # WRONG_PIN is a global, because the page shows the local variables of the test too.
    settings.DEBUG = debug
    (folder / "pin").write_text(WRONG_PIN)
    monkeypatch.setenv("HSM_PIN_SECRET", WRONG_PIN)
    if where == "environment":
        hsm(PIN_FILE=None, PIN_ENV="HSM_PIN_SECRET")

    with pytest.raises(SigningBackendError) as caught:
        get_backend("hsm").sign(b"message")

    # “runserver” (wsgiref) copies the environment into each request.
    request = rf.get("/", **os.environ)
    reporter = ExceptionReporter(request, *caught._excinfo)
    pages = reporter.get_traceback_html() + reporter.get_traceback_text()
    assert type(caught.value.__cause__.__cause__) is pkcs11.PinIncorrect
    assert "PKCS11Backend" in pages  # the page shows settings and local variables
    assert WRONG_PIN not in pages
    assert WRONG_PIN not in f"{caught.value!r} {vars(get_backend('hsm'))}"
