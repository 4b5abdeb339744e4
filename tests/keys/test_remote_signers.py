"""Time limits, slots and errors of signing backends."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Semaphore, Thread, local
from uuid import UUID

import pytest
from django.views.debug import ExceptionReporter

from django_layer_identity.exceptions import SigningBackendError
from django_layer_identity.keys.backends import CallSlots, RemoteSigner, build_backend
from django_layer_identity.keys.rsa import verify_signature
from django_layer_identity.protocol.identifiers import KeyID
from tests.backends import signer
from tests.internals import BACKEND_CLOCK, overdue_calls
from tests.work import count_calls

KEY_ID = KeyID(UUID("cccccccc-0000-4000-8000-000000000003"))
SHORT_TIMEOUT = 0.05  # seconds; the test waits until it is over
LONG_TIMEOUT = 60
ACQUIRE = "<method 'acquire' of '_thread.lock' objects>"


@pytest.fixture
def gate():
    """The event that hanging calls wait for; it is set when the test ends."""
    gate = Event()
    yield gate
    gate.set()


def build(name, **options):
    return build_backend("hsm", signer(name, **options)["hsm"])


def remote(private_key, backend, **options):
    made = build(backend, key=private_key, **options)
    return RemoteSigner(KEY_ID, private_key.public_key.pem, made)


def test_a_remote_key_signs(private_key):
    signature = remote(private_key, "InMemory").sign(b"message")

    assert verify_signature(private_key.public_key.pem, b"message", signature)


def test_a_backend_returns_the_public_key(private_key):
    assert build("InMemory", key=private_key).public_key() == private_key.public_key.pem


def test_the_signature_of_another_key_is_refused(private_key, other_private_key):
    signer = remote(private_key, "WrongKey", other=other_private_key)

    with pytest.raises(SigningBackendError) as caught:
        signer.sign(b"message")

    assert str(caught.value) == (
        "SIGNERS['hsm']: the signature does not match the public key stored here, "
        "so the backend uses another key."
    )


def test_a_hanging_call_times_out(private_key, gate):
    signer = remote(
        private_key, "Hanging", gate=gate, entered=Semaphore(0), TIMEOUT=SHORT_TIMEOUT
    )

    with pytest.raises(SigningBackendError) as caught:
        signer.sign(b"message")

    assert str(caught.value) == ("SIGNERS['hsm']: no answer within 0.05 seconds.")


def test_hanging_calls_do_not_accumulate(private_key, gate):
    entered = Semaphore(0)
    options = {
        "gate": gate,
        "entered": entered,
        "TIMEOUT": SHORT_TIMEOUT,
        "MAX_CALLS": 2,
    }
    signer = remote(private_key, "Hanging", **options)

    errors = []
    for _ in range(5):
        with pytest.raises(SigningBackendError) as caught:
            signer.sign(b"message")
        errors.append(str(caught.value).removeprefix("SIGNERS['hsm']: "))

    no_answer = "no answer within 0.05 seconds."
    no_slot = (
        "no call can start, because earlier calls (2) timed out and have not returned."
    )
    assert errors == [no_answer] * 2 + [no_slot] * 3
    assert [entered.acquire(timeout=5) for _ in range(2)] == [True, True]
    assert entered.acquire(blocking=False) is False


def test_calls_do_not_wait_while_hanging_calls_hold_all_slots(private_key, gate):
    options = {"gate": gate, "entered": Semaphore(0), "MAX_CALLS": 1}
    signer = remote(private_key, "Hanging", **options, TIMEOUT=SHORT_TIMEOUT)

    def refuse(message):
        with pytest.raises(SigningBackendError, match=message):
            signer.sign(b"message")

    _, first = count_calls(refuse, "no answer within")
    _, second = count_calls(refuse, r"earlier calls \(1\) timed out")

    # Waiting for a thread acquires a lock.
    assert (ACQUIRE in first, ACQUIRE in second) == (True, False)


class Clock(local):
    """A clock for each thread. Each reading advances it by ``step``."""

    now = step = 0  # seconds

    def monotonic(self):
        self.now += self.step
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(BACKEND_CLOCK, clock)
    return clock


@pytest.mark.parametrize(
    ("last_call", "waited", "starts"),
    [(10, 49, True), (10, 51, False), (40, 29, True), (40, 31, False)],
)
def test_a_call_starts_if_enough_time_is_left(clock, last_call, waited, starts):
    slots = CallSlots(1)
    slots.acquire(LONG_TIMEOUT)
    slots.start(lambda: setattr(clock, "now", last_call))
    clock.step = waited

    assert slots.acquire(LONG_TIMEOUT) is starts


def test_a_slot_that_comes_too_late_is_released_for_the_next_call(clock):
    slots = CallSlots(1)
    clock.step = LONG_TIMEOUT + 1
    assert slots.acquire(LONG_TIMEOUT) is False
    clock.step = 0

    assert slots.acquire(LONG_TIMEOUT) is True


def test_a_backend_that_answers_again_is_used_again(private_key, gate):
    options = {"gate": gate, "entered": Semaphore(0), "MAX_CALLS": 1}
    signer = remote(private_key, "Hanging", **options, TIMEOUT=SHORT_TIMEOUT)
    with pytest.raises(SigningBackendError):
        signer.sign(b"message")

    returned = Event()
    [overdue] = overdue_calls(signer.backend)
    overdue.add_done_callback(lambda _: returned.set())

    gate.set()

    assert returned.wait(LONG_TIMEOUT)
    # The thread that hung releases its slot shortly afterwards.
    signer.backend.timeout = LONG_TIMEOUT
    assert signer.sign(b"message") == private_key.sign(b"message")


def test_many_concurrent_calls_are_served(private_key):
    signer = remote(private_key, "InMemory", MAX_CALLS=2, TIMEOUT=LONG_TIMEOUT)

    with ThreadPoolExecutor(8) as pool:
        signatures = set(pool.map(signer.sign, [b"message"] * 32))

    assert signatures == {private_key.sign(b"message")}


def test_an_exception_of_a_backend_is_named(private_key):
    signer = remote(private_key, "Broken", error=ConnectionResetError("by peer"))

    with pytest.raises(SigningBackendError) as caught:
        signer.sign(b"message")

    assert str(caught.value) == (
        "SIGNERS['hsm']: the backend raised ConnectionResetError."
    )
    assert str(caught.value.__cause__) == "by peer"


def test_an_error_report_does_not_show_the_message(private_key, rf):
    signer = remote(private_key, "Broken", error=ConnectionResetError("by peer"))
    with pytest.raises(SigningBackendError) as caught:
        signer.sign(b"the claims of a token")

    frames = ExceptionReporter(rf.get("/"), *caught._excinfo).get_traceback_frames()

    assert len(frames) > 4
    assert "the claims of a token" not in str([frame["vars"] for frame in frames])


@pytest.mark.parametrize("words", ["no such key", "no such key."])
def test_an_error_message_of_the_backend_is_passed_on(private_key, words):
    signer = remote(private_key, "Broken", error=SigningBackendError(words))

    with pytest.raises(SigningBackendError, match=r"^SIGNERS\['hsm'\]: no such key\.$"):
        signer.sign(b"message")


def test_a_failure_to_start_a_thread_is_reported(private_key, monkeypatch):
    signer = remote(private_key, "InMemory", MAX_CALLS=1)

    def fail(thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(Thread, "start", fail)
        with pytest.raises(
            SigningBackendError, match="no thread could be started for the call"
        ):
            signer.sign(b"message")

    assert signer.sign(b"message") == private_key.sign(b"message")


def test_a_hanging_call_does_not_keep_the_process_running():
    program = """
        from threading import Event
        from django.conf import settings
        settings.configure()
        from django_layer_identity.exceptions import SigningBackendError
        from django_layer_identity.keys.backends import TimeLimitedBackend

        class Hanging:
            def sign(self, message):
                Event().wait()

        try:
            TimeLimitedBackend("x", Hanging(), timeout=0.05, max_calls=1).sign(b"")
        except SigningBackendError as exc:
            print(exc)
    """

    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (done.returncode, done.stdout) == (
        0,
        "x: no answer within 0.05 seconds.\n",
    )


def test_repr_does_not_show_the_options(private_key):
    signer = remote(private_key, "InMemory", PIN_FILE="/run/pin")

    assert repr(signer.backend) == "<TimeLimitedBackend SIGNERS['hsm']>"
    assert repr(signer) == (
        f"RemoteSigner(key_id={KEY_ID!r}, backend=<TimeLimitedBackend SIGNERS['hsm']>)"
    )
