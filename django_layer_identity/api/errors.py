"""Refusals over HTTP: their status, their JSON, and the exceptions that cause them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import (
    MultipleObjectsReturned,
    ObjectDoesNotExist,
    PermissionDenied,
    SuspiciousOperation,
    ValidationError,
)
from django.db import DataError, Error
from django.http import Http404, UnreadablePostError
from rest_framework import exceptions as drf

from django_layer_identity.exceptions import (
    AuthenticationFailed,
    BodyMalformed,
    ConfigurationError,
    CSRFFailed,
    MediaTypeUnsupported,
    MethodNotAllowed,
    NotAuthenticated,
    NotPermitted,
    Refusal,
    Throttled,
    Unavailable,
    UserIDMismatch,
)

#: HTTP status of each refusal. The two authentication codes are 401 by DRF's rule if
#: the first authenticator has a challenge, such as ``Basic`` or ``Token``.
STATUSES: Mapping[str, int] = {
    "parse_error": 400,
    "nonce_missing": 400,
    "nonce_invalid": 400,
    "app_id_required": 400,
    "not_authenticated": 403,
    "authentication_failed": 403,
    "user_inactive": 403,
    "user_id_mismatch": 403,
    "permission_denied": 403,
    "csrf_failed": 403,
    "app_unknown": 404,
    "method_not_allowed": 405,
    "nonce_already_used": 409,
    "user_id_taken": 409,
    "user_id_unavailable": 409,
    "user_id_changed": 409,
    "length_required": 411,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "throttled": 429,
    "no_signing_key": 503,
    "signing_failed": 503,
    "user_id_failed": 503,
    "nonce_guard_unavailable": 503,
    "unavailable": 503,
}
CSRF_PREFIX = "CSRF Failed: "  # of the messages of SessionAuthentication
CHALLENGED = ("not_authenticated", "authentication_failed")


_TRANSLATIONS: tuple[tuple[type[Exception], type[Refusal]], ...] = (
    (drf.NotAuthenticated, NotAuthenticated),
    (drf.AuthenticationFailed, AuthenticationFailed),
    (drf.MethodNotAllowed, MethodNotAllowed),
    (drf.UnsupportedMediaType, MediaTypeUnsupported),
    (drf.ParseError, BodyMalformed),
    (drf.APIException, NotPermitted),  # other errors come from permission classes
    (PermissionDenied, NotPermitted),
    (Http404, NotPermitted),
    (SuspiciousOperation, BodyMalformed),
    (UnreadablePostError, BodyMalformed),
    (Error, Unavailable),
    (OSError, Unavailable),
    (ConfigurationError, Unavailable),
)
#: Cache clients whose errors are not an ``OSError``. A cache may store sessions.
CACHE_CLIENTS = frozenset({"_pylibmc", "pylibmc", "pymemcache", "redis", "valkey"})

#: Errors that fields and backends raise because of the value of a login.
CAUSED_BY_LOGINS = (
    ValueError,  # and UnicodeError
    TypeError,
    OverflowError,
    ValidationError,
    ObjectDoesNotExist,
    MultipleObjectsReturned,
)
#: OperationalErrors of MariaDB and MySQL: the column's charset cannot hold the text.
CHARSET_ERRORS = (1267, 3854, 3988)


def to_refusal(exc: Exception) -> Refusal | None:
    """Return the refusal for an exception, or None if the exception is a bug."""
    if isinstance(exc, Refusal):
        return exc
    if isinstance(exc, drf.Throttled):
        return Throttled(getattr(exc, "wait", None))
    if isinstance(exc, drf.APIException) and exc.status_code >= 500:
        return Unavailable()  # a service that a class of the project needs is down
    for raised, refusal in _TRANSLATIONS:
        if isinstance(exc, raised):
            return refusal()
    modules = {kind.__module__.partition(".")[0] for kind in type(exc).__mro__}
    return None if CACHE_CLIENTS.isdisjoint(modules) else Unavailable()


def authentication_refusal(exc: Exception) -> Refusal:
    """
    Return the refusal for an exception that authentication raised.

    An outage and a bug both become ``unavailable``. The log has the traceback.
    """
    if str(exc).startswith(CSRF_PREFIX):
        return CSRFFailed(str(exc).removeprefix(CSRF_PREFIX))
    if is_caused_by_login(exc):
        return AuthenticationFailed()
    refusal = to_refusal(exc) or Unavailable()
    if isinstance(refusal, (NotPermitted, BodyMalformed)):
        return AuthenticationFailed()
    return refusal


def is_caused_by_login(exc: Exception) -> bool:
    """Return whether the value of a login is the cause, not an outage or a bug."""
    if isinstance(exc, Error):
        charset = bool(exc.args) and exc.args[0] in CHARSET_ERRORS
        return charset or isinstance(exc, DataError)
    return isinstance(exc, CAUSED_BY_LOGINS) and to_refusal(exc) is None


@contextmanager
def note_refusing_class(policy: object) -> Iterator[None]:
    """Store the policy's class and the error code on an exception of the policy."""
    try:
        yield
    except Exception as exc:
        default = getattr(exc, "default_code", type(exc).__name__)
        code = getattr(getattr(exc, "detail", None), "code", default)
        kind = type(policy)
        vars(exc).setdefault(
            "refused_by", f"{kind.__module__}.{kind.__qualname__}: {code}"
        )
        raise


def status_of(refusal: Refusal) -> int:
    """
    Return the HTTP status of a refusal, for a view of your own.

    The two authentication codes have the status 403. A view that can challenge the
    client, with ``WWW-Authenticate``, answers 401 itself.
    """
    return STATUSES[refusal.code]


def refusal_body(refusal: Refusal, status: int) -> dict[str, Any]:
    """Return the JSON. ``error`` repeats ``detail`` for Layer's clients."""
    body: dict[str, Any] = {
        "code": refusal.code,
        "detail": refusal.detail,
        "error": refusal.detail,
        "status": status,
    }
    if refusal.field:
        body["fields"] = {refusal.field: [refusal.detail]}
    if isinstance(refusal, UserIDMismatch) and refusal.user_id:
        body["user_id"] = refusal.user_id
    return body
