"""
The PKCS#11 backend with a fake library.

tests/services/hsm/test_pkcs11.py tests the backend with SoftHSM, if it is installed.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Semaphore

import pkcs11
import pytest
from django.core.cache import cache
from django.core.cache.backends.base import BaseCache
from django.views.debug import ExceptionReporter
from pkcs11 import Attribute, KeyType, ObjectClass, TokenFlag

from django_layer_identity.exceptions import ConfigurationError, SigningBackendError
from django_layer_identity.keys.backends import build_backend
from django_layer_identity.keys.pkcs11 import PKCS11Backend
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
    """A PKCS#11 library with one token and one key. It records all calls."""

    label = "layer"
    flags = TokenFlag(0)

    def __init__(self):
        self.errors = []  # raised by the next calls; None raises nothing
        self.calls = []
        self.keys = [self]
        self.entered = Semaphore(0)  # counts the calls of sign()
        self.gate = Event()  # sign() waits for it
        self.gate.set()

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
        self.entered.release()
        self.gate.wait()
        return b"signature"


class BrokenCache(BaseCache):
    """A cache that is down."""

    def __init__(self, location, params):
        super().__init__(params)

    def _fail(self, key, *args, **kwargs):
        raise ConnectionError

    get = set = _fail


LONG_TIMEOUT = 60  # seconds
SHORT_TIMEOUT = 0.05  # seconds; the test waits until it is over
NOT_SENT_AGAIN = (
    "the token labelled 'layer' refused the PIN, which is not sent again until it "
    "changes"
)
LOAD = ("load", "/usr/lib/libhsm.so")
OPEN = [LOAD, ("token", "layer"), ("open", "87654321"), ("find", FINDING)]
REOPEN = [LOAD, ("finalize",), ("initialize",), *OPEN[1:]]
SIGN = ("sign", b"message", "SHA256_RSA_PKCS")


@pytest.fixture
def new_process(monkeypatch):
    """Call this to continue like a new process, without modules and refused PINs."""

    def new_process():
        monkeypatch.setattr(internals.PKCS11_MODULES, {})
        internals.clear_refused_pins()

    return new_process


@pytest.fixture
def library(monkeypatch, new_process):
    library = Library()
    monkeypatch.setattr(pkcs11, "lib", library.load)
    new_process()
    monkeypatch.setenv("HSM_PIN_SECRET", "87654321")
    return library


def sign(**options):
    return PKCS11Backend({**OPTIONS, **options}).sign(b"message")


def limited(timeout):
    """Return the same backend with a time limit, built from a setting."""
    options = {**OPTIONS, "TIMEOUT": timeout}
    backend = "django_layer_identity.keys.pkcs11.PKCS11Backend"
    return build_backend("hsm", {"BACKEND": backend, "OPTIONS": options})


def error_message(**options):
    with pytest.raises(SigningBackendError) as caught:
        sign(**options)
    return str(caught.value)


def test_a_key_is_found_once_and_then_reused(library):
    assert [sign(), sign()] == [b"signature", b"signature"]

    assert library.calls == [*OPEN, SIGN, SIGN]


def test_two_keys_of_one_token_share_its_session(library):
    sign()
    sign(KEY_LABEL="layer-2027", KEY_ID="0a0B")

    finding = {**FINDING, Attribute.LABEL: "layer-2027", Attribute.ID: b"\x0a\x0b"}
    assert library.calls == [*OPEN, SIGN, ("find", finding), SIGN]


def test_the_public_key_is_read_from_the_private_key_object(library):
    pem = PKCS11Backend(OPTIONS).public_key()

    assert pem.startswith("-----BEGIN PUBLIC KEY-----\n")
    assert library.calls == OPEN


def test_a_failed_session_is_opened_again(library):
    sign()
    library.errors = [pkcs11.SessionHandleInvalid()]

    assert sign() == b"signature"
    assert library.calls == [*OPEN, SIGN, SIGN, *REOPEN, SIGN]


def test_a_failed_session_is_opened_again_only_once_per_call(library):
    sign()
    library.errors = [pkcs11.DeviceRemoved(), None, None, None, pkcs11.NoSuchToken()]

    assert error_message() == "the token labelled 'layer' was not found"
    assert library.calls == [*OPEN, SIGN, SIGN, *REOPEN[:4]]


def test_a_library_that_cannot_be_finalized_is_initialized_anyway(library):
    sign()
    library.errors = [pkcs11.GeneralError(), None, pkcs11.GeneralError()]

    assert sign() == b"signature"


def test_a_child_process_initializes_the_library_again(library, monkeypatch):
    sign()
    monkeypatch.setattr(os, "getpid", lambda: 0)

    assert sign() == b"signature"
    assert library.calls == [*OPEN, SIGN, *REOPEN, SIGN]


def test_the_keys_of_a_module_share_its_slot(library):
    slots = PKCS11Backend(OPTIONS).slots

    assert slots.count == 1
    assert PKCS11Backend({**OPTIONS, "KEY_LABEL": "layer-2027"}).slots is slots
    assert PKCS11Backend({**OPTIONS, "MODULE": "/usr/lib/b.so"}).slots is not slots


def test_a_child_process_has_its_own_slots(library, monkeypatch):
    slots = PKCS11Backend(OPTIONS).slots
    monkeypatch.setattr(os, "getpid", lambda: 0)

    assert PKCS11Backend(OPTIONS).slots is not slots


def test_a_call_that_times_out_while_it_waits_is_never_made(library):
    library.gate.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(limited(LONG_TIMEOUT).sign, b"message")
        assert library.entered.acquire(timeout=LONG_TIMEOUT)
        with pytest.raises(SigningBackendError) as caught:
            limited(SHORT_TIMEOUT).sign(b"timed out")
        library.gate.set()
        first.result()
    limited(LONG_TIMEOUT).sign(b"message")  # waits for all calls before it

    assert library.calls == [*OPEN, SIGN, SIGN]
    assert str(caught.value) == (
        "SIGNERS['hsm']: the call could not start in time, because the backend was busy "
        "with earlier calls."
    )


def test_a_hanging_module_refuses_all_its_keys_immediately(library):
    library.gate.clear()
    with pytest.raises(SigningBackendError, match="no answer within"):
        limited(SHORT_TIMEOUT).sign(b"message")
    assert library.entered.acquire(timeout=LONG_TIMEOUT)

    with pytest.raises(SigningBackendError, match=r"earlier calls \(1\) timed out"):
        limited(LONG_TIMEOUT).sign(b"message")
    library.gate.set()


def test_a_process_that_is_logged_in_does_not_send_the_pin(library):
    library.errors = [None, None, pkcs11.UserAlreadyLoggedIn()]

    assert sign() == b"signature"
    assert library.calls == [*OPEN[:3], ("open", None), OPEN[3], SIGN]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (pkcs11.PinIncorrect, "refused the PIN"),
        (pkcs11.PinInvalid, "refused the PIN"),
        (pkcs11.PinLenRange, "refused the PIN"),
        (pkcs11.PinLocked, "has locked its PIN"),
        (pkcs11.PinExpired, "says that the PIN has expired"),
    ],
)
def test_a_refused_pin_is_not_sent_again(library, monkeypatch, error, words):
    library.errors = [None, None, error()]

    assert error_message() == f"the token labelled 'layer' {words}"
    assert error_message() == NOT_SENT_AGAIN
    assert library.calls.count(("open", "87654321")) == 1

    monkeypatch.setenv("HSM_PIN_SECRET", "12345678")

    assert sign() == b"signature"
    assert library.calls[-3:] == [("open", "12345678"), ("find", FINDING), SIGN]


def test_an_error_report_does_not_show_a_refused_pin(library, rf):
    library.errors = [None, None, pkcs11.PinIncorrect()]

    with pytest.raises(SigningBackendError) as caught:
        sign()

    reporter = ExceptionReporter(rf.get("/"), *caught._excinfo)
    frames = reporter.get_traceback_frames()
    assert {"_use_key", "_log_in", "open"} <= {frame["function"] for frame in frames}
    assert "87654321" not in str([frame["vars"] for frame in frames])


def test_a_pin_that_expires_later_is_not_sent_again(library):
    sign()
    library.errors = [pkcs11.PinExpired()]

    assert error_message() == "the token labelled 'layer' says that the PIN has expired"
    assert error_message() == NOT_SENT_AGAIN
    assert library.calls == [*OPEN, SIGN, SIGN]


def test_a_pin_refused_in_one_process_is_not_sent_by_another(library, new_process):
    library.errors = [None, None, pkcs11.PinLocked()]
    error_message()
    new_process()

    assert error_message() == NOT_SENT_AGAIN
    assert library.calls == OPEN[:3]


def test_a_refused_pin_is_not_sent_again_after_the_cache_is_cleared(
    library, new_process
):
    library.errors = [None, None, pkcs11.PinIncorrect()]
    error_message()
    new_process()
    error_message()
    cache.clear()

    assert error_message() == NOT_SENT_AGAIN


def test_a_refused_pin_is_not_sent_again_while_the_cache_is_down(
    library, settings, caplog
):
    library.errors = [None, None, pkcs11.PinIncorrect()]
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.BrokenCache"}}

    assert error_message() == "the token labelled 'layer' refused the PIN"
    assert error_message() == NOT_SENT_AGAIN
    assert library.calls == OPEN[:3]
    assert [record.message for record in caplog.records] == [
        "The cache failed, so this process cannot see whether the token refused the "
        "same PIN in another process.",
        "A token refused the PIN, but the cache failed. Other processes may send the "
        "same PIN once.",
    ]


def test_a_pin_is_sent_once_more_after_adding_a_line_break(library, monkeypatch):
    library.errors = [None, None, pkcs11.PinLocked()]
    error_message()
    monkeypatch.setenv("HSM_PIN_SECRET", "87654321\n")

    assert sign() == b"signature"
    assert library.calls[-3:] == [("open", "87654321"), ("find", FINDING), SIGN]


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        (TokenFlag.USER_PIN_LOCKED, "has locked its PIN"),
        (
            TokenFlag.USER_PIN_FINAL_TRY,
            "locks its PIN after one more wrong PIN, so no PIN is sent until another "
            "program has logged in to the token",
        ),
    ],
    ids=["locked", "final try"],
)
def test_no_pin_is_sent_while_a_token_flag_blocks_it(library, flag, words):
    library.flags = TokenFlag.LOGIN_REQUIRED | flag

    assert error_message() == f"the token labelled 'layer' {words}"
    assert library.calls == OPEN[:2]

    library.flags = TokenFlag.LOGIN_REQUIRED

    assert sign() == b"signature"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (pkcs11.NoSuchToken(), "was not found"),
        (pkcs11.MultipleTokensReturned(), "was found more than once"),
        (pkcs11.DeviceError(), "failed: DeviceError"),
        (pkcs11.PKCS11Error("out of order"), "failed: PKCS11Error out of order"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_of_the_module_become_messages(library, error, words):
    library.errors = [None, error]

    assert error_message() == f"the token labelled 'layer' {words}"


def test_a_module_that_cannot_be_loaded_is_named(library):
    library.errors = [pkcs11.PKCS11Error("no such file")]

    assert error_message() == (
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
def test_exactly_one_key_must_match(library, keys, names, words):
    library.keys = [library] * keys

    assert error_message(**names) == f"the token labelled 'layer' {words}"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"MODULE": ""}, "OPTIONS lacks MODULE."),
        ({"TOKEN_LABEL": ""}, "OPTIONS lacks TOKEN_LABEL."),
        ({"KEY_LABEL": ""}, "OPTIONS needs KEY_LABEL, KEY_ID or both."),
        ({"KEY_ID": "xy"}, "KEY_ID must be hex digits."),
        ({"KEY_ID": 7}, "KEY_ID must be a string or a path."),
        (
            {"PIN_FILE": "/run/pin"},
            "OPTIONS needs either PIN_FILE or PIN_ENV, not both.",
        ),
        ({"PIN_ENV": ""}, "OPTIONS needs either PIN_FILE or PIN_ENV, not both."),
        (
            {"SLOT": "1"},
            "OPTIONS has the unknown option 'SLOT'. The options are MODULE, "
            "TOKEN_LABEL, KEY_LABEL, KEY_ID, PIN_FILE, PIN_ENV.",
        ),
    ],
    ids=str,
)
def test_invalid_options_are_refused(changes, words):
    with pytest.raises(ConfigurationError) as caught:
        PKCS11Backend({**OPTIONS, **changes})

    assert str(caught.value) == words
