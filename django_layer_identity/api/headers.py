"""
What Django's request class fails at, before any view, made readable to it.

A stranger sends such headers, never a client of Layer; each is a 500 in any Django
project, or seconds of CPU. Here the views refuse them in their own words.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.urls import Resolver404, resolve
from django.utils import translation

from django_layer_identity.api.jwks import JWKSView
from django_layer_identity.api.parsers import UTF_8
from django_layer_identity.api.views import IdentityTokenView

if TYPE_CHECKING:
    from collections.abc import MutableMapping

MAX_LENGTH = 1024  # characters of a content type, which Django reads in quadratic time
MAX_ESCAPES = 1000  # in cookies: older Pythons read them in quadratic time
#: Not printable, or with a parameter that is encoded or in parts (RFC 2231, 3 and 4).
UNREADABLE = re.compile(r"[^\t -~]|\*[\d*\s]*(?:[=;]|$)")
CHARSET = re.compile(r";\s*charset\s*=([^;]*)", re.IGNORECASE)
CHARSETS = {quoted.format(name) for name in UTF_8 for quoted in ("{}", '"{}"', "'{}'")}


def mend_headers(
    *,
    environ: MutableMapping[str, Any] | None = None,
    scope: MutableMapping[str, Any] | None = None,
    **kwargs: Any,
) -> None:
    """
    Mend a request to our views that Django would fail at, under WSGI or ASGI.

    A receiver of ``django.core.signals.request_started``. The views then answer
    ``unsupported_media_type`` to a content type that is none, ``parse_error`` to a charset
    other than UTF-8, find a query string empty that is not UTF-8 or has more than
    ``DATA_UPLOAD_MAX_NUMBER_FIELDS`` parameters, and no cookies where there are more than
    1,000 backslashes in them. Other views' requests stay as they are, and so do those to
    a URLconf that a middleware chooses.
    """
    if environ is not None:
        _mend_environ(environ)
    if scope is not None:
        _mend_scope(scope)


def _mend_environ(environ: MutableMapping[str, Any]) -> None:
    names = ("CONTENT_TYPE", "QUERY_STRING", "HTTP_COOKIE")
    given = [environ.get(name, "") for name in names]
    mended = _mended(*given)
    path = environ.get("PATH_INFO", "").encode("latin-1").decode(errors="replace")
    if mended != given and _is_ours(path):
        environ.update(zip(names, mended, strict=True))


def _mend_scope(scope: MutableMapping[str, Any]) -> None:
    sent = scope.get("query_string") or b""  # text, from Django's own AsyncClient
    query = sent if isinstance(sent, str) else sent.decode(errors="replace")
    given = [
        _joined(scope, b"content-type", b","),
        query,
        _joined(scope, b"cookie", b"; "),
    ]
    mended = _mended(*given)
    prefix = settings.FORCE_SCRIPT_NAME or scope.get("root_path", "")
    if mended != given and _is_ours(scope["path"].removeprefix(prefix)):
        ours = {
            b"content-type": mended[0].encode("latin-1"),
            b"cookie": mended[2].encode("latin-1"),
        }
        others = [header for header in scope["headers"] if header[0] not in ours]
        scope["headers"] = [*others, *ours.items()]
        scope["query_string"] = mended[1].encode()


def _joined(scope: MutableMapping[str, Any], header: bytes, separator: bytes) -> str:
    values = [value for name, value in scope["headers"] if name == header]
    return separator.join(values).decode("latin-1")


def _mended(content_type: str, query: str, cookie: str) -> list[str]:
    """Return what Django can read of the three; the same where it can already."""
    limit: int | None = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
    many = limit is not None and query.count("&") >= limit
    return [
        _mended_type(content_type),
        "" if many or "\N{REPLACEMENT CHARACTER}" in query else query,
        "" if cookie.count("\\") > MAX_ESCAPES else cookie,
    ]


def _mended_type(given: str) -> str:
    if len(given) > MAX_LENGTH or UNREADABLE.search(given):
        return "application/octet-stream"
    if all(name.strip().lower() in CHARSETS for name in CHARSET.findall(given)):
        return given
    media_type = given.partition(";")[0]
    return f"{media_type}; charset=none"  # of Python's codecs, that is


def _is_ours(path: str) -> bool:
    language = translation.get_language_from_path(path) or settings.LANGUAGE_CODE
    try:
        with translation.override(language):
            view = resolve(path).func
    except Resolver404:
        return False
    ours = (IdentityTokenView, JWKSView)
    return issubclass(getattr(view, "view_class", object), ours)
