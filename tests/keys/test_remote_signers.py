"""What holds for every backend, however it behaves."""

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
WITHIN = 0.05  # seconds; a time limit that is meant to be reached
FOREVER = 60
ACQUIRE = "<method 'acquire' of '_thread.lock' objects>"


@pytest.fixture
def gate():
    """What lets those through who hang; nobody hangs when the test is over."""
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


def test_a_custody_shows_the_public_half(private_key):
    assert build("InMemory", key=private_key).public_key() == private_key.public_key.pem


def test_the_signature_of_another_key_never_leaves(private_key, other_private_key):
    signer = remote(private_key, "Forgetful", other=other_private_key)

    with pytest.raises(SigningBackendError) as caught:
        signer.sign(b"message")

    assert str(caught.value) == (
        "SIGNERS['hsm']: the signature is not of the key whose public half is stored "
        "here."
    )


def test_a_call_that_hangs_is_given_up_in_time(private_key, gate):
    signer = remote(
        private_key, "Hanging", gate=gate, entered=Semaphore(0), TIMEOUT=WITHIN
    )

    with pytest.raises(SigningBackendError) as caught:
        signer.sign(b"message")

    assert str(caught.value) == (
        "SIGNERS['hsm']: there was no answer within 0.05 seconds."
    )


def test_calls_that_hang_do_not_pile_up(private_key, gate):
    entered = Semaphore(0)
    options = {"gate": gate, "entered": entered, "TIMEOUT": WITHIN, "MAX_CALLS": 2}
    signer = remote(private_key, "Hanging", **options)

    complaints = []
    for _ in range(5):
        with pytest.raises(SigningBackendError) as caught:
            signer.sign(b"message")
        complaints.append(str(caught.value).removeprefix("SIGNERS['hsm']: "))

    no_answer = "there was no answer within 0.05 seconds."
    no_place = "2 calls are under way and do not come back."
    assert complaints == [no_answer] * 2 + [no_place] * 3
    assert [entered.acquire(timeout=5) for _ in range(2)] == [True, True]
    assert entered.acquire(blocking=False) is False


def test_where_all_calls_hang_nobody_waits(private_key, gate):
    options = {"gate": gate, "entered": Semaphore(0), "MAX_CALLS": 1}
    signer = remote(private_key, "Hanging", **options, TIMEOUT=WITHIN)

    def waits(complaint):
        with pytest.raises(SigningBackendError, match=complaint):
            signer.sign(b"message")

    _, first = count_calls(waits, "there was no answer")
    _, second = count_calls(waits, "1 calls are under way")

    # Whatever waits for a thread acquires a lock.
    assert (ACQUIRE in first, ACQUIRE in second) == (True, False)


class Clock(local):
    """A clock for each thread; it goes on by ``step`` each time it is looked at."""

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
    ("last_call", "waited", "begins"),
    [(10, 49, True), (10, 51, False), (40, 29, True), (40, 31, False)],
)
def test_a_call_begins_if_the_last_one_would_have_ended_in_time(
    clock, last_call, waited, begins
):
    slots = CallSlots(1)
    slots.take(FOREVER)
    slots.start(lambda: setattr(clock, "now", last_call))
    clock.step = waited

    assert slots.take(FOREVER) is begins


def test_a_turn_that_comes_too_late_is_the_turn_of_the_next_call(clock):
    slots = CallSlots(1)
    clock.step = FOREVER + 1
    assert slots.take(FOREVER) is False
    clock.step = 0

    assert slots.take(FOREVER) is True


def test_a_custody_that_answers_again_is_used_again(private_key, gate):
    options = {"gate": gate, "entered": Semaphore(0), "MAX_CALLS": 1}
    signer = remote(private_key, "Hanging", **options, TIMEOUT=WITHIN)
    with pytest.raises(SigningBackendError):
        signer.sign(b"message")

    came_back = Event()
    [overdue] = overdue_calls(signer.backend)
    overdue.add_done_callback(lambda _: came_back.set())

    gate.set()

    assert came_back.wait(FOREVER)
    # Its place is given back by the thread that hung, at some time soon.
    signer.backend.timeout = FOREVER
    assert signer.sign(b"message") == private_key.sign(b"message")


def test_a_crowd_is_served_in_turns(private_key):
    signer = remote(private_key, "InMemory", MAX_CALLS=2, TIMEOUT=FOREVER)

    with ThreadPoolExecutor(8) as pool:
        signatures = set(pool.map(signer.sign, [b"message"] * 32))

    assert signatures == {private_key.sign(b"message")}


def test_whatever_a_backend_raises_is_named(private_key):
    signer = remote(private_key, "Broken", error=ConnectionResetError("by peer"))

    with pytest.raises(SigningBackendError) as caught:
        signer.sign(b"message")

    assert str(caught.value) == (
        "SIGNERS['hsm']: the backend raised ConnectionResetError."
    )
    assert str(caught.value.__cause__) == "by peer"


def test_what_was_to_be_signed_is_in_no_variable_of_an_error_report(private_key, rf):
    signer = remote(private_key, "Broken", error=ConnectionResetError("by peer"))
    with pytest.raises(SigningBackendError) as caught:
        signer.sign(b"the claims of a token")

    frames = ExceptionReporter(rf.get("/"), *caught._excinfo).get_traceback_frames()

    assert len(frames) > 4
    assert "the claims of a token" not in str([frame["vars"] for frame in frames])


@pytest.mark.parametrize("words", ["no such key", "no such key."])
def test_a_complaint_of_the_backend_is_passed_on(private_key, words):
    signer = remote(private_key, "Broken", error=SigningBackendError(words))

    with pytest.raises(SigningBackendError, match=r"^SIGNERS\['hsm'\]: no such key\.$"):
        signer.sign(b"message")


def test_a_machine_without_threads_to_spare_says_so(private_key, monkeypatch):
    signer = remote(private_key, "InMemory", MAX_CALLS=1)

    def fail(thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(Thread, "start", fail)
        with pytest.raises(SigningBackendError, match="no thread can be started"):
            signer.sign(b"message")

    assert signer.sign(b"message") == private_key.sign(b"message")


def test_a_call_that_hangs_does_not_keep_a_process_from_ending():
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
        "x: there was no answer within 0.05 seconds.\n",
    )


def test_options_do_not_show(private_key):
    signer = remote(private_key, "InMemory", PIN_FILE="/run/pin")

    assert repr(signer.backend) == "<TimeLimitedBackend SIGNERS['hsm']>"
    assert repr(signer) == (
        f"RemoteSigner(key_id={KEY_ID!r}, backend=<TimeLimitedBackend SIGNERS['hsm']>)"
    )
