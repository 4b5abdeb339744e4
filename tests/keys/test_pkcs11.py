"""
How tokens are talked to, with a library that is scripted.

tests/services/test_pkcs11.py has the same with a real one, where SoftHSM is installed.
"""

from __future__ import annotations

import os

import pkcs11
import pytest
from pkcs11 import Attribute, KeyType, ObjectClass

from django_layer_identity.exceptions import ConfigurationError, CustodyError
from django_layer_identity.keys.pkcs11 import PKCS11Custody
from django_layer_identity.keys.pkcs11.cryptoki import module_at
from tests import internals

RSA_KEY = {Attribute.MODULUS: (2**2047 + 1).to_bytes(256, "big")}
RSA_KEY |= {Attribute.PUBLIC_EXPONENT: b"\1\0\1"}
OPTIONS = {
    "MODULE": "/usr/lib/libhsm.so",
    "TOKEN_LABEL": "layer",
    "KEY_LABEL": "layer-2026",
    "PIN_ENV": "HSM_PIN_SECRET",
}
FINDING = {
    Attribute.CLASS: ObjectClass.PRIVATE_KEY,
    Attribute.KEY_TYPE: KeyType.RSA,
    Attribute.LABEL: "layer-2026",
}


class Library:
    """A PKCS#11 library with one token and one key; it notes what is asked of it."""

    label = "layer"

    def __init__(self):
        self.errors = []  # what happens at the next calls; None is nothing
        self.calls = []
        self.keys = [self]

    def __getitem__(self, attribute):
        return RSA_KEY[attribute]

    def _call(self, *call):
        self.calls.append(call)
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error

    def load(self, path):
        self._call("load", path)
        return self

    def finalize(self):
        self._call("finalize")

    def initialize(self):
        self._call("initialize")

    def get_token(self, token_label):
        self._call("token", token_label)
        return self

    def open(self, user_pin=None):
        self._call("open", user_pin)
        return self

    def get_objects(self, template):
        self._call("find", template)
        return iter(self.keys)

    def sign(self, message, mechanism):
        self._call("sign", message, mechanism.name)
        return b"signature"


LOAD = ("load", "/usr/lib/libhsm.so")
OPEN = [LOAD, ("token", "layer"), ("open", "87654321"), ("find", FINDING)]
REOPEN = [LOAD, ("finalize",), ("initialize",), *OPEN[1:]]
SIGN = ("sign", b"message", "SHA256_RSA_PKCS")


@pytest.fixture
def library(monkeypatch):
    library = Library()
    monkeypatch.setattr(pkcs11, "lib", library.load)
    monkeypatch.setattr(internals.PKCS11_MODULES, {})
    monkeypatch.setenv("HSM_PIN_SECRET", "87654321")
    return library


def sign(**options):
    return PKCS11Custody({**OPTIONS, **options}).sign(b"message")


def complaint(**options):
    with pytest.raises(CustodyError) as caught:
        sign(**options)
    return str(caught.value)


def test_a_key_is_found_once_and_signs_ever_after(library):
    assert [sign(), sign()] == [b"signature", b"signature"]

    assert library.calls == [*OPEN, SIGN, SIGN]


def test_two_keys_of_one_token_share_its_session(library):
    sign()
    sign(KEY_LABEL="layer-2027", KEY_ID="0a0B")

    finding = {**FINDING, Attribute.LABEL: "layer-2027", Attribute.ID: b"\x0a\x0b"}
    assert library.calls == [*OPEN, SIGN, ("find", finding), SIGN]


def test_the_public_half_is_what_the_private_key_object_says(library):
    pem = PKCS11Custody(OPTIONS).public_key()

    assert pem.startswith("-----BEGIN PUBLIC KEY-----\n")
    assert library.calls == OPEN


def test_what_was_open_is_opened_again_if_it_fails(library):
    sign()
    library.errors = [pkcs11.SessionHandleInvalid()]

    assert sign() == b"signature"
    assert library.calls == [*OPEN, SIGN, SIGN, *REOPEN, SIGN]


def test_it_is_opened_again_once_a_call(library):
    sign()
    library.errors = [pkcs11.DeviceRemoved(), None, None, None, pkcs11.NoSuchToken()]

    assert complaint() == "the token labelled 'layer' is not there"
    assert library.calls == [*OPEN, SIGN, SIGN, *REOPEN[:4]]


def test_a_library_that_cannot_be_finalized_is_initialized_all_the_same(library):
    sign()
    library.errors = [pkcs11.GeneralError(), None, pkcs11.GeneralError()]

    assert sign() == b"signature"


def test_a_child_initializes_the_library_anew(library, monkeypatch):
    sign()
    monkeypatch.setattr(os, "getpid", lambda: 0)

    assert sign() == b"signature"
    assert library.calls == [*OPEN, SIGN, *REOPEN, SIGN]


def test_a_module_has_one_lock_a_process(library):
    assert module_at("/usr/lib/libhsm.so") is module_at("/usr/lib/libhsm.so")
    assert module_at("/usr/lib/libhsm.so") is not module_at("/usr/lib/other.so")


def test_whoever_is_logged_in_in_this_process_is_not_asked_for_the_pin(library):
    library.errors = [None, None, pkcs11.UserAlreadyLoggedIn()]

    assert sign() == b"signature"
    assert library.calls == [*OPEN[:3], ("open", None), OPEN[3], SIGN]


@pytest.mark.parametrize(
    "error", [pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange]
)
def test_a_pin_that_was_refused_is_not_sent_again(library, monkeypatch, error):
    library.errors = [None, None, error()]
    refused = "the token labelled 'layer' refused the PIN"

    assert complaint() == refused
    assert complaint() == f"{refused}, which is not sent again until it has changed"
    assert library.calls.count(("open", "87654321")) == 1

    monkeypatch.setenv("HSM_PIN_SECRET", "12345678")

    assert sign() == b"signature"
    assert library.calls[-3:] == [("open", "12345678"), ("find", FINDING), SIGN]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (pkcs11.NoSuchToken(), "is not there"),
        (pkcs11.MultipleTokensReturned(), "is there more than once"),
        (pkcs11.PinLocked(), "has locked its PIN"),
        (pkcs11.DeviceError(), "does not work: DeviceError"),
        (pkcs11.PKCS11Error("out of order"), "does not work: PKCS11Error out of order"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_the_module_says_is_put_into_words(library, error, words):
    library.errors = [None, error]

    assert complaint() == f"the token labelled 'layer' {words}"


def test_a_module_that_cannot_be_loaded_is_named(library):
    library.errors = [pkcs11.PKCS11Error("no such file")]

    assert complaint() == (
        "the module '/usr/lib/libhsm.so' cannot be loaded: PKCS11Error no such file"
    )


@pytest.mark.parametrize(
    ("keys", "names", "words"),
    [
        (0, {}, "has no private RSA key with the label 'layer-2026'"),
        (2, {}, "has more than one private RSA key with the label 'layer-2026'"),
        (
            0,
            {"KEY_LABEL": "", "KEY_ID": "0A"},
            "has no private RSA key with the ID '0a'",
        ),
        (
            0,
            {"KEY_ID": "0A"},
            "has no private RSA key with the label 'layer-2026' and the ID '0a'",
        ),
    ],
)
def test_there_is_to_be_one_key(library, keys, names, words):
    library.keys = [library] * keys

    assert complaint(**names) == f"the token labelled 'layer' {words}"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"MODULE": ""}, "OPTIONS lacks MODULE."),
        ({"TOKEN_LABEL": ""}, "OPTIONS lacks TOKEN_LABEL."),
        ({"KEY_LABEL": ""}, "OPTIONS lacks KEY_LABEL or KEY_ID."),
        ({"KEY_ID": "xy"}, "KEY_ID must be hex digits."),
        ({"KEY_ID": 7}, "KEY_ID must be text."),
        ({"PIN_FILE": "/run/pin"}, "OPTIONS needs either PIN_FILE or PIN_ENV."),
        ({"PIN_ENV": ""}, "OPTIONS needs either PIN_FILE or PIN_ENV."),
        (
            {"SLOT": "1"},
            "OPTIONS has 'SLOT', and known are MODULE, TOKEN_LABEL, KEY_LABEL, KEY_ID, "
            "PIN_FILE, PIN_ENV.",
        ),
    ],
    ids=str,
)
def test_options_that_are_of_no_use_are_refused(changes, words):
    with pytest.raises(ConfigurationError) as caught:
        PKCS11Custody({**OPTIONS, **changes})

    assert str(caught.value) == words
