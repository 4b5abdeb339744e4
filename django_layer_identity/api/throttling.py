"""How often: each user, and each address and login where authentication fails."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from django_layer_identity.api.addresses import client_address
from django_layer_identity.api.authentication import submitted_login
from django_layer_identity.api.counting import Counter, Rate, digest_of, rate_of
from django_layer_identity.api.errors import Throttled, to_refusal
from django_layer_identity.api.logins import simplified
from django_layer_identity.exceptions import AuthenticationFailed, Unavailable

logger = logging.getLogger("django_layer_identity")


class UserThrottle(BaseThrottle):
    """As often as the rate ``user`` says; a cache that is down stops nobody."""

    counter: Counter | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        rate = rate_of("user")
        if rate is None:
            return True
        try:
            whose = digest_of("user", str(request.user.pk))
            self.counter = Counter("user", rate, whose)
            return not self.counter.count()
        except Exception:  # a cache may raise anything
            logger.exception("The cache failed, so a request is not counted")
            return True

    def wait(self) -> float | None:
        return self.counter.wait if self.counter else None


@contextmanager
def failures_counted(request: Request) -> Iterator[None]:
    """
    Let nobody try to authenticate who has failed too often, and count who fails.

    :raises Throttled: before anything is tried.
    :raises Unavailable: if a password would be tried, and nobody can count.
    """
    rate = rate_of("failures")
    if rate is None:
        yield
        return
    failures = _Failures(request, rate)
    failures.admit()
    try:
        yield
    except Exception as exc:
        failures.settle(failed=isinstance(to_refusal(exc), AuthenticationFailed))
        raise
    failures.settle(failed=False)


class _Failures:
    """
    The failures of an address and of a login.

    A password counts as wrong before it is tried, and is taken back when it was right:
    of many that come at once no more are tried than the rate allows.
    """

    def __init__(self, request: Request, rate: Rate) -> None:
        self.request, self.rate = request, rate
        self.login = submitted_login(request)
        self.counters: list[Counter] = []

    def admit(self) -> None:
        try:
            admitted = self._admit()
        except Exception as exc:  # a cache may raise anything
            if self.login is not None:
                raise Unavailable from exc
            logger.exception("The cache failed, so failures are not counted")
            return
        if not admitted:
            raise Throttled(max(counter.wait for counter in self.counters))

    def _admit(self) -> bool:
        self.counters = [
            Counter("failures", self.rate, digest) for digest in self._whose()
        ]
        if any(counter.is_used_up() for counter in self.counters):
            return False
        if self.login is None:
            return True
        overdrawn = [counter for counter in self.counters if counter.count()]
        if overdrawn:
            self._take_back()
        return not overdrawn

    def _whose(self) -> Iterator[str]:
        address = client_address(self.request)
        if address:  # there is none at a Unix socket
            yield digest_of("address", address)
        if self.login:
            yield digest_of("login", simplified(self.login))

    def settle(self, *, failed: bool) -> None:
        """Count a failure, or take back a password that was right."""
        try:
            if self.login is not None and not failed:
                self._take_back()
            elif self.login is None and failed:
                for counter in self.counters:
                    counter.count()
        except Exception:  # as above
            logger.exception("The cache failed, so failures are not counted")

    def _take_back(self) -> None:
        for counter in self.counters:
            counter.take_back()
