"""
Signing backends: sign with private keys that are stored outside the database.

A backend calls another machine, or another company's service. It may be slow, hang, or
sign with another key. So each call has a time limit, the number of concurrent calls is
limited, and each signature is verified before it is used.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from threading import BoundedSemaphore, Lock, Thread
from typing import Any, Protocol, TypeVar

from django.utils.module_loading import import_string

from django_layer_identity.conf import conf
from django_layer_identity.exceptions import ConfigurationError, SigningBackendError
from django_layer_identity.keys.rsa import verify_signature
from django_layer_identity.keys.secrets import hide_locals
from django_layer_identity.protocol.identifiers import KeyID

MAX_ALIAS_LENGTH = 100  # characters
TIMEOUT = 5  # seconds
MAX_CALLS = 4  # concurrent calls in one process

T = TypeVar("T")


class SigningBackend(Protocol):
    """
    The interface of a ``BACKEND`` in ``SIGNERS``. A backend signs with one private key.

    Its methods are called from several threads. They may raise any exception, and they
    may block.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        """
        Check and store the ``OPTIONS``. Do not look for the key yet.

        :raises ConfigurationError: if an option is missing or invalid.
        """

    def public_key(self) -> str:
        """Return the public key as PEM (SubjectPublicKeyInfo)."""

    def sign(self, message: bytes) -> bytes:
        """Sign the message with RSASSA-PKCS1-v1_5 and SHA-256; return the signature."""


_backends: dict[str, tuple[int, object, TimeLimitedBackend]] = {}
_creating = Lock()


def get_backend(alias: str) -> TimeLimitedBackend:
    """
    Return the backend with this alias. Each process creates it once and keeps it.

    A new backend is created only if the setting changes, or after a fork: the child
    process does not have the threads of the parent's backend.

    :raises ConfigurationError: if the alias is unknown or its entry is invalid.
    """
    entry = conf.SIGNERS.get(alias)
    if backend := _find_backend(alias, entry):
        return backend
    with _creating:  # otherwise all first requests of a new process would create one
        backend = _find_backend(alias, entry)
        if backend is None:
            backend = build_backend(alias, entry)
            _backends[alias] = os.getpid(), entry, backend
        return backend


def _find_backend(alias: str, entry: object) -> TimeLimitedBackend | None:
    """Return the backend that this process has created from the entry, or None."""
    process, built_from, backend = _backends.get(alias, (None, None, None))
    return backend if process == os.getpid() and built_from == entry else None


def build_backend(alias: str, entry: Any) -> TimeLimitedBackend:
    """
    Build the backend that an entry of ``SIGNERS`` describes.

    :raises ConfigurationError: if the entry is invalid.
    """
    name = f"SIGNERS[{alias!r}]"
    if not isinstance(entry, Mapping):
        raise ConfigurationError(
            f"{name} is missing or is not a dict. It must be a dict with BACKEND and "
            "OPTIONS."
        )
    options = entry.get("OPTIONS", {})
    if not isinstance(options, Mapping):
        raise ConfigurationError(f"{name}: OPTIONS must be a dict.")
    options = dict(options)
    timeout = _positive(name, "TIMEOUT", options.pop("TIMEOUT", TIMEOUT), (int, float))
    max_calls = _positive(name, "MAX_CALLS", options.pop("MAX_CALLS", MAX_CALLS), int)
    path: Any = entry.get("BACKEND")
    try:
        backend_class = import_string(path)
    except (ImportError, AttributeError, TypeError) as exc:
        raise ConfigurationError(
            f"{name}: BACKEND cannot be imported ({exc}). It must be the dotted path "
            "of a class."
        ) from exc
    try:
        backend = backend_class(options)
    except ConfigurationError as exc:
        raise ConfigurationError(f"{name}: {exc}") from exc
    except Exception as exc:  # its text may contain a secret of the options
        raise ConfigurationError(
            f"{name}: the backend cannot be created ({type(exc).__name__})."
        ) from exc
    return TimeLimitedBackend(name, backend, timeout=timeout, max_calls=max_calls)


def _positive(name: str, option: str, value: Any, kinds: Any) -> Any:
    if isinstance(value, kinds) and not isinstance(value, bool) and value > 0:
        return value
    kind = "integer" if kinds is int else "number"
    raise ConfigurationError(f"{name}: {option} must be a positive {kind}.")


@dataclass(frozen=True)
class RemoteSigner:
    """A key in a signing backend: its backend, its public key and its key ID."""

    key_id: KeyID
    public_key: str = field(repr=False)
    backend: TimeLimitedBackend

    @hide_locals  # the message is a token without its signature
    def sign(self, message: bytes) -> bytes:
        """
        Sign the message with RSASSA-PKCS1-v1_5 and SHA-256, and verify the signature.

        :raises SigningBackendError: if the backend fails or does not answer in time, or
            if another key made the signature.
        :raises InvalidKey: if the stored public key is damaged.
        """
        signature = self.backend.sign(message)
        if not verify_signature(self.public_key, message, signature):
            raise SigningBackendError(
                f"{self.backend.name}: the signature does not match the public key "
                "stored here, so the backend uses another key."
            )
        return signature


class TimeLimitedBackend:
    """
    Limit the duration and the number of concurrent calls of a backend.

    Each call runs in its own daemon thread, which does not keep the process running. A
    call that hangs holds its slot until it returns. While hanging calls hold all slots,
    each further call fails immediately.
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
        """The slots that the backend shares with other backends, or its own slots."""
        slots: CallSlots = getattr(self._backend, "slots", self._own_slots)
        return slots

    def public_key(self) -> str:
        """
        Return the public key as PEM (SubjectPublicKeyInfo).

        :raises SigningBackendError: if the backend fails or does not answer in time.
        """
        return self._call(self._backend.public_key)

    def sign(self, message: bytes) -> bytes:
        """
        Return the signature without verifying it.

        :raises SigningBackendError: if the backend fails or does not answer in time.
        """
        return self._call(lambda: self._backend.sign(message))

    def _call(self, function: Callable[[], T]) -> T:
        deadline, slots = time.monotonic() + self.timeout, self.slots
        if slots.all_busy():
            raise self._error(
                f"no call can start, because earlier calls ({slots.count}) timed out "
                "and have not returned"
            )
        if not slots.acquire(self.timeout):
            raise self._error(
                "the call could not start in time, because the backend was busy with "
                "earlier calls"
            )
        try:
            future = slots.start(function)
        except RuntimeError as exc:
            raise self._error("no thread could be started for the call") from exc
        wait([future], deadline - time.monotonic())
        if not future.done():
            slots.mark_timed_out(future)
            raise self._error(f"no answer within {self.timeout:g} seconds")
        try:
            return future.result()
        except SigningBackendError as exc:
            raise self._error(str(exc)) from exc
        except Exception as exc:
            raise self._error(f"the backend raised {type(exc).__name__}") from exc

    def _error(self, message: str) -> SigningBackendError:
        return SigningBackendError(f"{self.name}: {message.rstrip('.')}.")


class CallSlots:
    """
    Limit the number of concurrent calls. Further calls wait for a free slot.

    The caller's own thread waits for the slot, and the call gets a new thread only when
    it starts. So a call that times out while it waits is never made.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._free = BoundedSemaphore(count)
        self._timed_out: set[Future[Any]] = set()  # timed out, still running
        self._last_duration = 0.0  # seconds

    def all_busy(self) -> bool:
        """Return whether calls that timed out hold every slot."""
        return len(self._timed_out) >= self.count

    def acquire(self, timeout: float) -> bool:
        """
        Take a slot, and return whether that succeeded before the time was too short.

        Enough time is left if the last call took no longer than that. Half of the time
        limit is always enough: otherwise one slow call would block all later calls.
        """
        deadline = time.monotonic() + timeout
        if not self._free.acquire(timeout=timeout):
            return False
        if deadline - time.monotonic() >= min(self._last_duration, timeout / 2):
            return True
        self._free.release()
        return False

    def start(self, function: Callable[[], T]) -> Future[T]:
        """
        Run the function in a new thread, which releases the slot when it ends.

        :raises RuntimeError: if no thread can be started.
        """
        future: Future[T] = Future()
        thread = Thread(target=self._run, args=(function, future), daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self._free.release()
            raise
        return future

    def mark_timed_out(self, future: Future[Any]) -> None:
        """Record that a call timed out, until it ends."""
        self._timed_out.add(future)
        future.add_done_callback(self._timed_out.discard)

    def _run(self, function: Callable[[], T], future: Future[T]) -> None:
        started = time.monotonic()
        try:
            future.set_result(function())
        except BaseException as exc:
            future.set_exception(exc)
        finally:
            self._last_duration = time.monotonic() - started
            self._free.release()
