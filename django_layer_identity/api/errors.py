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
    LayerIdentityError,
    Refusal,
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


class BodyMalformed(Refusal):
    """The body does not match its content type, or breaks a rule of the endpoint."""

    code = "parse_error"
    detail = "The body could not be parsed."


class UserIDNotString(BodyMalformed):
    """The client sent a ``user_id`` of another type, such as a number or a list."""

    detail = "The parameter “user_id” must be a string."
    field = "user_id"


class LengthRequired(Refusal):
    """The body is sent in chunks, without a ``Content-Length``."""

    code = "length_required"
    detail = "Send the body with a Content-Length, not in chunks."


class BodyTooLarge(Refusal):
    """The body is larger than 16 KiB."""

    code = "body_too_large"
    detail = "The body must not be larger than 16 KiB."


class NotAuthenticated(Refusal):
    """The request has no valid credentials."""

    code = "not_authenticated"
    detail = "Log in first: the request has no valid credentials."


class NotPermitted(Refusal):
    """A permission class of the project refused the request."""

    code = "permission_denied"
    detail = "This user is not allowed to get an identity token."


class CSRFFailed(Refusal):
    """The session is valid, but Django's CSRF check failed."""

    code = "csrf_failed"
    detail = "The CSRF token is missing or wrong: send it in the X-CSRFToken header."
    detail_of_origin = (
        "The Referer or Origin header is missing, or is neither this site nor in "
        "CSRF_TRUSTED_ORIGINS."
    )

    def __init__(self, reason: str) -> None:
        is_origin = reason.startswith(("Referer", "Origin"))
        super().__init__(self.detail_of_origin if is_origin else None)
        # For the log. The query string of a Referer may contain secrets.
        self.__cause__ = LayerIdentityError(reason.partition("?")[0])


class MethodNotAllowed(Refusal):
    """The method is not allowed."""

    code = "method_not_allowed"
    detail = "Only POST is allowed here."


class MediaTypeUnsupported(Refusal):
    """The content type is unknown, or the body has a ``Content-Encoding``."""

    code = "unsupported_media_type"
    detail = (
        "Send application/json, a form or multipart/form-data, and no Content-Encoding."
    )


class Throttled(Refusal):
    """A rate limit is reached."""

    code = "throttled"
    detail = "Too many requests. Wait before the next one."

    def __init__(self, wait: int | None) -> None:
        super().__init__()
        self.wait = wait  # seconds


class NonceHasSpaces(Refusal):
    """The nonce has a space: a plus sign in a form body was not percent-encoded."""

    code = "nonce_invalid"
    detail = "The nonce has a space: percent-encode “+” as %2B in a form body."
    field = "nonce"


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
