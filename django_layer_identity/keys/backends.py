"""
Private keys that are kept elsewhere: from an alias in ``SIGNERS`` to a signer.

Another machine, or another company, may be slow, hang or sign with something else. So
each call has a time limit, so many are under way and no more, and a signature is
verified before it leaves.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from threading import BoundedSemaphore, Thread
from typing import Any, Protocol, TypeVar

from django.utils.module_loading import import_string

from django_layer_identity.conf import conf
from django_layer_identity.exceptions import ConfigurationError, SigningBackendError
from django_layer_identity.keys.rsa import verify_signature
from django_layer_identity.keys.secrets import hide_locals
from django_layer_identity.protocol.identifiers import KeyID

MAX_ALIAS_LENGTH = 100  # characters
TIMEOUT = 5  # seconds
MAX_CALLS = 4  # at once, in one process

T = TypeVar("T")


class SigningBackend(Protocol):
    """
    What a ``BACKEND`` of ``SIGNERS`` is: it keeps one private key.

    Its methods are called from several threads, and may raise and last as they please.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        """
        Take the ``OPTIONS``; the key itself is not to be looked for yet.

        :raises ConfigurationError: if they are of no use.
        """

    def public_key(self) -> str:
        """Return the public half: PEM, SubjectPublicKeyInfo."""

    def sign(self, message: bytes) -> bytes:
        """Return the RSASSA-PKCS1-v1_5 signature with SHA-256 of the message."""


_opened: dict[str, tuple[int, object, TimeLimitedBackend]] = {}


def get_backend(alias: str) -> TimeLimitedBackend:
    """
    Return the backend of that alias, the same in all of this process.

    Another one is made when the setting has changed, and after a fork: of threads that
    were at work in it, the child has none.

    :raises ConfigurationError: if the alias is unknown or its entry is of no use.
    """
    entry = conf.SIGNERS.get(alias)
    process, known, backend = _opened.get(alias, (None, None, None))
    if backend is None or process != os.getpid() or known != entry:
        backend = build_backend(alias, entry)
        _opened[alias] = os.getpid(), entry, backend
    return backend


def build_backend(alias: str, entry: Any) -> TimeLimitedBackend:
    """
    Return a new backend as an entry of ``SIGNERS`` describes it.

    :raises ConfigurationError: if the entry is of no use.
    """
    name = f"SIGNERS[{alias!r}]"
    if not isinstance(entry, Mapping):
        raise ConfigurationError(f"{name} is not there, or is no dict.")
    options = dict(entry.get("OPTIONS", {}))
    timeout = _positive(name, "TIMEOUT", options.pop("TIMEOUT", TIMEOUT), (int, float))
    max_calls = _positive(name, "MAX_CALLS", options.pop("MAX_CALLS", MAX_CALLS), int)
    path: Any = entry.get("BACKEND")
    try:
        backend_class = import_string(path)
    except (ImportError, AttributeError, TypeError) as exc:
        raise ConfigurationError(f"{name}: BACKEND cannot be imported: {exc}.") from exc
    try:
        backend = backend_class(options)
    except ConfigurationError as exc:
        raise ConfigurationError(f"{name}: {exc}") from exc
    return TimeLimitedBackend(name, backend, timeout=timeout, max_calls=max_calls)


def _positive(name: str, option: str, value: Any, kinds: Any) -> Any:
    if isinstance(value, kinds) and not isinstance(value, bool) and value > 0:
        return value
    raise ConfigurationError(f"{name}: {option} must be a positive number.")


@dataclass(frozen=True)
class RemoteSigner:
    """A private key in a backend, its public half, and the ID that Layer knows it by."""

    key_id: KeyID
    public_key: str = field(repr=False)
    backend: TimeLimitedBackend

    @hide_locals  # the message is a token but for its signature
    def sign(self, message: bytes) -> bytes:
        """
        Return the RSASSA-PKCS1-v1_5 signature with SHA-256 of the message.

        :raises SigningBackendError: if there is none to be had in time, or it is not the
            key's.
        """
        signature = self.backend.sign(message)
        if not verify_signature(self.public_key, message, signature):
            raise SigningBackendError(
                f"{self.backend.name}: the signature is not of the key whose public "
                "half is stored here."
            )
        return signature


class TimeLimitedBackend:
    """
    A backend with a time limit for each call, and a limit of calls at once.

    Calls run in threads of their own, which do not keep the process from ending. A call
    that hangs holds its place until it comes back: then others are served again. Where
    all hang, a request is refused at once.
    """

    def __init__(
        self, name: str, backend: SigningBackend, *, timeout: float, max_calls: int
    ) -> None:
        self.name = name
        self.timeout = timeout  # seconds
        self._backend = backend
        self._own_slots = CallSlots(max_calls)

    def __repr__(self) -> str:
        return f"<TimeLimitedBackend {self.name}>"

    @property
    def slots(self) -> CallSlots:
        """The backend's slots, if it shares them with others, or else its own."""
        slots: CallSlots = getattr(self._backend, "slots", self._own_slots)
        return slots

    def public_key(self) -> str:
        """
        Return the public half: PEM, SubjectPublicKeyInfo.

        :raises SigningBackendError: if there is none to be had in time.
        """
        return self._call(self._backend.public_key)

    def sign(self, message: bytes) -> bytes:
        """
        Return the signature, which is yet to be verified.

        :raises SigningBackendError: if there is none to be had in time.
        """
        return self._call(lambda: self._backend.sign(message))

    def _call(self, function: Callable[[], T]) -> T:
        deadline, slots = time.monotonic() + self.timeout, self.slots
        if slots.all_busy():
            raise self._error(f"{slots.count} calls are under way and do not come back")
        if not slots.take(self.timeout):
            raise self._error("the call could not begin in time: others were before it")
        try:
            future = slots.start(function)
        except RuntimeError as exc:
            raise self._error("no thread can be started") from exc
        wait([future], deadline - time.monotonic())
        if not future.done():
            slots.mark_timed_out(future)
            raise self._error(f"there was no answer within {self.timeout:g} seconds")
        try:
            return future.result()
        except SigningBackendError as exc:
            raise self._error(str(exc)) from exc
        except Exception as exc:
            raise self._error(f"the backend raised {type(exc).__name__}") from exc

    def _error(self, complaint: str) -> SigningBackendError:
        return SigningBackendError(f"{self.name}: {complaint.rstrip('.')}.")


class CallSlots:
    """
    How many calls may be under way at once; the others wait for their turn.

    The thread that asks is the one that waits, and a call gets a thread of its own only
    when it begins. So a call that is given up while it waits is never made.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._free = BoundedSemaphore(count)
        self._timed_out: set[Future[Any]] = set()  # given up, and still under way
        self._lasted = 0.0  # seconds that the last call took

    def all_busy(self) -> bool:
        """Return whether every place is taken by a call that was given up."""
        return len(self._timed_out) >= self.count

    def take(self, timeout: float) -> bool:
        """
        Wait for a place; return whether there is one, and time enough left for a call.

        The time is enough if the last call would have ended in it. With half of it left
        a call begins in any case, or after a slow one no other would.
        """
        deadline = time.monotonic() + timeout
        if not self._free.acquire(timeout=timeout):
            return False
        if deadline - time.monotonic() >= min(self._lasted, timeout / 2):
            return True
        self._free.release()
        return False

    def start(self, function: Callable[[], T]) -> Future[T]:
        """
        Run the function in a thread, which gives the place back when it ends.

        :raises RuntimeError: if no thread can be started.
        """
        future: Future[T] = Future()
        thread = Thread(target=self._work, args=(function, future), daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self._free.release()
            raise
        return future

    def mark_timed_out(self, future: Future[Any]) -> None:
        """Note that a call is overdue, until it ends."""
        self._timed_out.add(future)
        future.add_done_callback(self._timed_out.discard)

    def _work(self, function: Callable[[], T], future: Future[T]) -> None:
        began = time.monotonic()
        try:
            future.set_result(function())
        except BaseException as exc:
            future.set_exception(exc)
        finally:
            self._lasted = time.monotonic() - began
            self._free.release()
