"""
What Django's request class fails at, before any view, made readable to it.

A stranger sends such headers, never a client of Layer; each is a 500 in any Django
project, or a second of CPU. Here the views refuse them in their own words.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.urls import Resolver404, resolve

from django_layer_identity.api.jwks import JWKSView
from django_layer_identity.api.parsers import UTF_8
from django_layer_identity.api.views import IdentityTokenView

if TYPE_CHECKING:
    from collections.abc import MutableMapping

MAX_LENGTH = 1024  # characters of a content type, which Django reads in quadratic time
#: Not printable, or with a parameter that is encoded or in parts (RFC 2231, 3 and 4).
UNREADABLE = re.compile(r"[^\t -~]|\*[\d*\s]*=")
CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^;\"]*)", re.IGNORECASE)


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
    other than UTF-8, and find a query string empty that is not UTF-8 or has more than
    ``DATA_UPLOAD_MAX_NUMBER_FIELDS`` parameters. Other views' requests stay as they are.
    """
    if environ is not None:
        _mend_environ(environ)
    if scope is not None:
        _mend_scope(scope)


def _mend_environ(environ: MutableMapping[str, Any]) -> None:
    given = environ.get("CONTENT_TYPE", ""), environ.get("QUERY_STRING", "")
    mended = _content_type(given[0]), _query(given[1])
    path = environ.get("PATH_INFO", "").encode("latin-1").decode(errors="replace")
    if mended != given and _is_ours(path):
        environ["CONTENT_TYPE"], environ["QUERY_STRING"] = mended


def _mend_scope(scope: MutableMapping[str, Any]) -> None:
    headers = [header for header in scope["headers"] if header[0] != b"content-type"]
    types = [value for name, value in scope["headers"] if name == b"content-type"]
    given = b",".join(types).decode("latin-1"), _text(scope.get("query_string", b""))
    mended = _content_type(given[0]), _query(given[1] or "")
    prefix = settings.FORCE_SCRIPT_NAME or scope.get("root_path", "")
    if mended != given and _is_ours(scope["path"].removeprefix(prefix)):
        scope["headers"] = [*headers, (b"content-type", mended[0].encode())]
        scope["query_string"] = mended[1].encode()


def _text(query: bytes) -> str | None:
    try:
        return query.decode()
    except UnicodeDecodeError:
        return None


def _content_type(given: str) -> str:
    """Return a content type that Django can read; the same where it can already."""
    if len(given) > MAX_LENGTH or UNREADABLE.search(given):
        return "application/octet-stream"
    if all(name.strip("' ").lower() in UTF_8 for name in CHARSET.findall(given)):
        return given
    media_type = given.partition(";")[0]
    return f"{media_type}; charset=none"  # of Python's codecs, that is


def _query(given: str) -> str:
    limit: int | None = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
    return "" if limit is not None and given.count("&") >= limit else given


def _is_ours(path: str) -> bool:
    try:
        view = resolve(path).func
    except Resolver404:
        return False
    ours = (IdentityTokenView, JWKSView)
    return issubclass(getattr(view, "view_class", object), ours)
