"""Rate limits: requests by user; failed logins by address, login and account."""

from __future__ import annotations

import base64
import binascii
import logging
import math
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from django.contrib.auth import get_user_model
from django.core.cache import caches
from django.db import InterfaceError, OperationalError
from django.views.decorators.debug import sensitive_variables
from rest_framework.authentication import (
    BasicAuthentication,
    get_authorization_header,
)
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle

from django_layer_identity.api.authentication import (
    BASIC,
    MAX_LENGTH,
    BodyCredentialsAuthentication,
    Credentials,
    find_credentials,
)
from django_layer_identity.api.errors import is_caused_by_login
from django_layer_identity.conf import conf, parse_rate
from django_layer_identity.digests import keyed_digest
from django_layer_identity.exceptions import ConfigurationError, Throttled, Unavailable
from django_layer_identity.keys.secrets import hide_locals
from django_layer_identity.nonces import CACHE_FAILED

Rate = tuple[int, int]  # limit, period in seconds

IPV6_PREFIX = 64  # bits; a customer has at least this network (RFC 6177)

logger = logging.getLogger("django_layer_identity")


class UserThrottle(BaseThrottle):
    """
    Limit each user to the rate ``user``. If the cache fails, allow the request.

    :raises Unavailable: if the cache is in a database that fails, because the next
        query would wait for the database again.
    """

    counter: FixedWindowCounter | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        rate = _rate_of("user")
        if rate is None:
            return True
        try:
            digest = keyed_digest("user", str(request.user.pk))
            self.counter = FixedWindowCounter("user", rate, digest)
            return not self.counter.count()
        except (InterfaceError, OperationalError) as exc:
            raise Unavailable from exc
        except Exception:  # a cache may raise anything
            _log_failure("a request is not counted")
            return True

    def wait(self) -> float | None:
        return self.counter.wait if self.counter else None


@contextmanager
def limit_failed_logins(request: Request) -> Iterator[None]:
    """
    Limit wrong passwords by the client's address, the login and the user's account.

    A password is counted as wrong before it is tried. The count is taken back only if
    authentication succeeds. So simultaneous requests cannot try more passwords than the
    rate allows. Requests without a password are not limited.

    :raises Throttled: if the limit is reached; the password is not tried.
    :raises Unavailable: if the password cannot be counted.
    """
    rate = _rate_of("failures")
    tried = _submitted_credentials(request)
    if rate is None or not tried:
        yield
        return
    try:
        counters = _count(request, tried, rate)
    except Throttled:
        raise
    except Exception as exc:  # a cache may raise anything
        raise Unavailable from exc
    yield
    try:
        _undo(counters)
    except Exception:
        _log_failure("a correct password counts as wrong")


def _log_failure(consequence: str) -> None:
    line = f"The cache failed, so {consequence}: {CACHE_FAILED}"
    logger.exception(line, conf.CACHE_ALIAS)


def _count(
    request: Request, tried: list[Credentials], rate: Rate
) -> list[FixedWindowCounter]:
    counters = []
    for digest in _digests(request, tried):
        counter = FixedWindowCounter("failures", rate, digest)
        if counter.is_exhausted():
            raise Throttled(counter.wait)
        counters.append(counter)
    exceeded = [counter for counter in counters if counter.count()]
    if exceeded:
        _undo(counters)
        raise Throttled(exceeded[0].wait)
    return counters


def _undo(counters: list[FixedWindowCounter]) -> None:
    for counter in counters:
        counter.undo()


def _digests(request: Request, tried: list[Credentials]) -> Iterator[str]:
    """Yield the digests to count. Accounts are last, because they need a query."""
    address = client_address(request)
    if address:  # empty if the server listens on a Unix socket
        yield keyed_digest("address", address)
    usable = [credentials for credentials in tried if credentials.are_usable()]
    for credentials in usable:
        yield keyed_digest("login", _simplified(credentials.login))
    for credentials in usable:
        account = _find_account(credentials)
        if account is None:  # the same number of cache calls as for an account
            yield keyed_digest("no account", _simplified(credentials.login))
        else:
            yield keyed_digest("account", str(account))


@hide_locals
def _submitted_credentials(request: Request) -> list[Credentials]:
    """Return the credentials of every password that will be tried."""
    found = []
    for authenticator in request.authenticators or ():
        if isinstance(authenticator, BodyCredentialsAuthentication):
            found.append(find_credentials(request))
        elif isinstance(authenticator, BasicAuthentication):
            found.append(_basic_credentials(request))
    return [credentials for credentials in found if credentials is not None]


def _basic_credentials(request: Request) -> Credentials | None:
    scheme, *code = get_authorization_header(request).split() or [b""]
    if scheme.lower() != b"basic":
        return None
    try:
        sent = base64.b64decode(b"".join(code))
    except binascii.Error:
        sent = b""
    try:
        text = sent.decode()
    except UnicodeDecodeError:
        text = sent.decode("latin-1")  # as DRF reads it
    return Credentials(BASIC, text.partition(":")[0], password=None)


@hide_locals  # Django's managers keep the login in local variables
def _find_account(credentials: Credentials) -> Any:
    """
    Return the primary key of the user with this login, or None.

    The database compares the logins. So all spellings that are equal in the database
    share one count. The result does not affect authentication: only the backends check
    the password.

    :raises OperationalError, InterfaceError: if the database is unavailable.
    """
    model: Any = get_user_model()
    users = model._default_manager
    try:
        name, login = credentials.for_backends()
        if name != getattr(model, "USERNAME_FIELD", "username"):
            name = getattr(model, "EMAIL_FIELD", "email")
            return users.get(**{name: login}).pk if _is_indexed(model, name) else None
        if hasattr(users, "get_by_natural_key"):
            return users.get_by_natural_key(login).pk
        return users.get(**{name: login}).pk
    except Exception as exc:  # a manager may raise anything
        is_down = isinstance(exc, (OperationalError, InterfaceError))
        if is_down and not is_caused_by_login(exc):
            raise  # the backends would wait for the same database again
        return None


def _is_indexed(model: Any, name: str) -> bool:
    """Return whether an index supports a lookup by the field."""
    field = model._meta.get_field(name)
    options = field.model._meta
    groups = [
        *options.unique_together,
        *(
            index.fields
            for index in (*options.indexes, *options.constraints)
            if getattr(index, "fields", ()) and index.condition is None
        ),
    ]
    return field.unique or field.db_index or name in {fields[0] for fields in groups}


def client_address(request: Request) -> str:
    """
    Return an address that the client cannot choose, or "" if it is unknown.

    It is REMOTE_ADDR, or an entry of X-Forwarded-For if DRF's ``NUM_PROXIES`` gives the
    number of the project's proxies. IPv6 addresses are reduced to their /64 network.
    """
    address = request.META.get("REMOTE_ADDR") or ""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR")
    if api_settings.NUM_PROXIES and forwarded:
        hops = forwarded.split(",")
        address = hops[-min(api_settings.NUM_PROXIES, len(hops))].strip()
    return _network(address)


def _network(address: str) -> str:
    # Some proxies add a port.
    for text in (address, address.rpartition(":")[0].strip("[]")):
        try:
            found = ip_address(text)
        except ValueError:
            continue
        if not isinstance(found, IPv6Address):
            return str(found)
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(ip_network((int(found), IPV6_PREFIX), strict=False))
    return address


class FixedWindowCounter:
    """Count events in windows of fixed length, and compare with the rate's limit."""

    def __init__(self, scope: str, rate: Rate, digest: str) -> None:
        self.limit, period = rate
        now = time.time()
        self.wait = max(1, math.ceil(period - now % period))  # seconds
        self.cache = caches[conf.CACHE_ALIAS]
        self.key = f"layer_identity:{scope}:{period}:{now // period:.0f}:{digest}"
        self.lifetime = 2 * period

    def is_exhausted(self) -> bool:
        return bool(self.cache.get(self.key, 0) >= self.limit)

    def count(self) -> bool:
        """Add one, and return whether the limit is exceeded."""
        try:
            count = self.cache.incr(self.key)
        except ValueError:  # the entry does not exist yet
            if self.cache.add(self.key, 1, self.lifetime):
                return False
            count = self.cache.incr(self.key)  # another process added it first
        if count is False:  # pymemcache with ignore_exc=True: the server is down
            raise ConnectionError("The cache cannot count.")
        return bool(count > self.limit)

    def undo(self) -> None:
        self.cache.decr(self.key)


def _rate_of(scope: str) -> Rate | None:
    """
    Return the rate of a scope from the settings; None means no limit.

    :raises Unavailable: if the rate is invalid; ``manage.py check`` reports it too.
    """
    try:
        rate = conf.THROTTLE_RATES[scope]
        return None if rate is None else parse_rate(rate)
    except ConfigurationError as exc:
        raise Unavailable from ConfigurationError(
            f"LAYER_IDENTITY['THROTTLE_RATES'] is invalid: {exc} Correct it; for example: "
            '"60/min".'
        )


@sensitive_variables()
def _simplified(login: str) -> str:
    """Return the login without case and combining marks."""
    letters = unicodedata.normalize("NFKD", login[:MAX_LENGTH])
    return "".join(c for c in letters if not unicodedata.combining(c)).casefold()
