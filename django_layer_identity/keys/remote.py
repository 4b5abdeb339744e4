"""
Keys kept elsewhere, whatever it is that keeps them.

Another machine, or another company, may be slow, hang or sign with something else. So
each call has a time limit, so many are under way and no more, and a signature is
verified before it leaves.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from threading import BoundedSemaphore, Thread
from typing import Any, Protocol, TypeVar

from django.views.decorators.debug import sensitive_variables

from django_layer_identity.exceptions import CustodyError
from django_layer_identity.keys.pem import verify_signature
from django_layer_identity.protocol.identifiers import KeyID

T = TypeVar("T")


class Custody(Protocol):
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


class LimitedCustody:
    """
    A custody that is waited for so long, and by so many.

    Calls run in threads of their own, which do not keep the process from ending. One
    that hangs holds its place until it comes back: then others are served again. Where
    all hang, nobody is made to wait.
    """

    def __init__(
        self, name: str, custody: Custody, *, timeout: float, max_calls: int
    ) -> None:
        self.name = name
        self.timeout = timeout  # seconds
        self.max_calls = max_calls
        self._custody = custody
        self._places = BoundedSemaphore(max_calls)
        self._overdue: set[Future[Any]] = set()  # given up, and still under way

    def __repr__(self) -> str:
        return f"<LimitedCustody {self.name}>"

    def public_key(self) -> str:
        """
        Return the public half: PEM, SubjectPublicKeyInfo.

        :raises CustodyError: if there is none to be had in time.
        """
        return self._call(self._custody.public_key)

    @sensitive_variables()
    def sign(self, message: bytes) -> bytes:
        """
        Return the signature, which is yet to be verified.

        :raises CustodyError: if there is none to be had in time.
        """
        return self._call(lambda: self._custody.sign(message))

    def _call(self, function: Callable[[], T]) -> T:
        deadline = time.monotonic() + self.timeout
        hopeless = len(self._overdue) >= self.max_calls
        if hopeless or not self._places.acquire(timeout=self.timeout):
            raise self._error(
                f"{self.max_calls} calls are under way and do not come back"
            )
        answer = self._start(function)
        wait([answer], deadline - time.monotonic())
        if not answer.done():
            self._overdue.add(answer)
            answer.add_done_callback(self._overdue.discard)
            raise self._error(f"there was no answer within {self.timeout:g} seconds")
        try:
            return answer.result()
        except CustodyError as exc:
            raise self._error(str(exc)) from exc
        except Exception as exc:
            raise self._error(f"the backend raised {type(exc).__name__}") from exc

    def _start(self, function: Callable[[], T]) -> Future[T]:
        answer: Future[T] = Future()
        thread = Thread(target=self._work, args=(function, answer), daemon=True)
        try:
            thread.start()
        except RuntimeError as exc:
            self._places.release()
            raise self._error("no thread can be started") from exc
        return answer

    def _work(self, function: Callable[[], T], answer: Future[T]) -> None:
        try:
            answer.set_result(function())
        except BaseException as exc:
            answer.set_exception(exc)
        finally:
            self._places.release()

    def _error(self, complaint: str) -> CustodyError:
        return CustodyError(f"{self.name}: {complaint.rstrip('.')}.")


@dataclass(frozen=True)
class RemoteSigner:
    """A private key in a custody, its public half, and the ID that Layer knows it by."""

    key_id: KeyID
    public_key: str = field(repr=False)
    custody: LimitedCustody

    @sensitive_variables()
    def sign(self, message: bytes) -> bytes:
        """
        Return the RSASSA-PKCS1-v1_5 signature with SHA-256 of the message.

        :raises CustodyError: if there is none to be had in time, or it is not the
            key's.
        """
        signature = self.custody.sign(message)
        if not verify_signature(self.public_key, message, signature):
            raise CustodyError(
                f"{self.custody.name}: the signature is not of the key whose public "
                "half is stored here."
            )
        return signature
