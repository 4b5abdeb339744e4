"""
Strict parsers: JSON, form or multipart, at most 16 KiB, UTF-8, no Content-Encoding.

DRF's parsers read bodies of any size in any charset. They keep the last of two equal
names, replace invalid UTF-8, and accept lone surrogates. Here, all of this is refused.
"""

from __future__ import annotations

import json
from contextlib import suppress
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, QueryDict
from django.http.request import RawPostDataException
from django.utils.datastructures import MultiValueDict
from rest_framework import parsers
from rest_framework.exceptions import ParseError

from django_layer_identity.api.errors import to_refusal
from django_layer_identity.exceptions import (
    BodyMalformed,
    BodyTooLarge,
    LengthRequired,
    MediaTypeUnsupported,
)
from django_layer_identity.keys.secrets import Secret, hide_locals
from django_layer_identity.protocol import strict_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_LENGTH = 16 * 1024  # bytes; a nonce and two IDs need about 300
MAX_DEPTH = 16  # levels of JSON; all our parameters are on the first level
UTF_8 = ("", "utf-8", "utf8", "us-ascii", "ascii")
SINGLE = ("nonce", "app_id", "user_id")  # parameters that must not be sent twice
TWICE = "The parameter “{}” was sent twice."
NAME_TWICE = "The JSON has a duplicate name."
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"  # Django's replacement for undecodable bytes


class _BodyParser(parsers.BaseParser):
    """Check the rules for all bodies, then pass the text to ``parse_text``."""

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        request = (parser_context or {})["request"]._request
        encoding = request.headers.get("Content-Encoding", "identity")
        if encoding.strip().lower() != "identity":
            raise MediaTypeUnsupported
        if request.content_params.get("charset", "").strip("'").lower() not in UTF_8:
            raise BodyMalformed("The body's charset must be UTF-8.")
        try:
            text = stream.read().decode("utf-8-sig")  # accepts a byte order mark
        except UnicodeDecodeError as exc:
            raise BodyMalformed("The body is not valid UTF-8.") from exc
        return self.parse_text(text, request)

    def parse_text(self, text: str, request: HttpRequest) -> Any:
        """Return the parameters, or raise :class:`BodyMalformed`."""


class JSONBodyParser(_BodyParser):
    """``application/json`` with an object at the top level (RFC 8259)."""

    media_type = "application/json"

    def parse_text(self, text: str, request: HttpRequest) -> Any:
        try:
            data = strict_json.loads(text)
        except strict_json.DuplicateName as exc:
            [name] = exc.args
            known = name in SINGLE
            raise BodyMalformed(TWICE.format(name) if known else NAME_TWICE) from exc
        except UnicodeEncodeError as exc:
            raise BodyMalformed(
                "The JSON has a lone surrogate (half a character)."
            ) from exc
        except RecursionError as exc:
            raise BodyMalformed("The JSON is nested too deeply.") from exc
        except ValueError as exc:
            raise BodyMalformed("The body is not valid JSON.") from exc
        if _is_deep(data):
            raise BodyMalformed("The JSON is nested too deeply.")
        return data


class FormBodyParser(_BodyParser):
    """``application/x-www-form-urlencoded``."""

    media_type = "application/x-www-form-urlencoded"

    def parse_text(self, text: str, request: HttpRequest) -> QueryDict:
        try:
            pairs = parse_qsl(text, keep_blank_values=True, errors="strict")
        except ValueError as exc:
            raise BodyMalformed("The form is not percent-encoded UTF-8.") from exc
        form = QueryDict(mutable=True)
        for name, value in pairs:
            form.appendlist(name, value)
        return form


class MultiPartBodyParser(_BodyParser):
    """``multipart/form-data``."""

    media_type = "multipart/form-data"

    def parse_text(self, text: str, request: HttpRequest) -> parsers.DataAndFiles:
        stream, media_type = BytesIO(text.encode()), request.META.get("CONTENT_TYPE")
        context = {"request": request, "encoding": "utf-8"}
        try:
            parts = parsers.MultiPartParser().parse(stream, media_type, context)
        except (ParseError, SuspiciousOperation, TypeError) as exc:
            # Python raises TypeError for contradictory RFC 2231 parameters.
            raise BodyMalformed("The multipart body is malformed.") from exc
        if REPLACEMENT not in text and REPLACEMENT in str(parts.data):
            raise BodyMalformed("A part of the multipart body is not valid UTF-8.")
        return parts


@hide_locals  # its local variables hold the raw body
def read_body(request: Any) -> Exception | None:
    """
    Read and parse the body once. Return the error of a wrong body, or None.

    Django and DRF keep the parsed body. After an error, they see an empty body. An
    exception that is a bug is raised.
    """
    try:
        _read_raw(request)
        if not isinstance(request.data, dict):
            raise BodyMalformed("The body is not a JSON object.")
        _refuse_repeated(request.data)
    except Exception as exc:
        _discard_body(request)
        if to_refusal(exc) is None:
            raise
        return exc
    return None


def hide_passwords(request: Any) -> None:
    """
    Wrap the passwords in the parsed body, and mask them in the raw body.

    Error reporters read both. A value is hidden if its own name, or the name of an object
    around it, contains “password”. This covers misspelt and misplaced passwords too.
    """
    for data in (request._data, request._full_data):
        # In place, because request.POST is the same object.
        dict.update(data, _wrapped(data))
    http = request._request
    http._body = _masked_body(http, request.data)
    http._stream, request._stream = BytesIO(http._body), BytesIO(http._body)


def _wrapped(value: Any, is_secret: bool = False) -> Any:
    if isinstance(value, dict):  # also a QueryDict, which is a dict of lists
        return {
            name: _wrapped(child, is_secret or "password" in str(name).lower())
            for name, child in dict.items(value)
        }
    if isinstance(value, list):
        return [_wrapped(child, is_secret) for child in value]
    return Secret(value) if is_secret and not isinstance(value, Secret) else value


def _masked_body(http: Any, data: Any) -> bytes:
    if not isinstance(data, QueryDict):
        return json.dumps(data, default=repr).encode()
    lists: Any = data.lists()  # of strings, Secrets and files
    fields = [
        (name, value if isinstance(value, str) else repr(value))
        for name, values in lists
        for value in values
    ]
    if http.content_type != MultiPartBodyParser.media_type:
        return urlencode(fields).encode()
    line = f"--{http.content_params.get('boundary', '')}"
    parts = [
        f'{line}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields
    ]
    return "".join([*parts, f"{line}--\r\n"]).encode()


def _read_raw(request: Any) -> None:
    chunked = request.META.get("HTTP_TRANSFER_ENCODING")
    if chunked and not request.META.get("CONTENT_LENGTH"):
        raise LengthRequired
    length = _stated_length(request)
    if length > MAX_LENGTH:
        raise BodyTooLarge
    if length:
        with suppress(RawPostDataException):  # a middleware already parsed it
            request.body  # noqa: B018


def _stated_length(request: Any) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0  # as Django and DRF do


def _discard_body(request: Any) -> None:
    request._request._mark_post_parse_error()
    vars(request._request).setdefault("_body", b"")
    request._data = request._full_data = QueryDict()
    request._files = MultiValueDict()


def _refuse_repeated(data: dict[str, Any]) -> None:
    if isinstance(data, QueryDict):  # with values and files
        for name in SINGLE:
            if len(data.getlist(name)) > 1:
                raise BodyMalformed(TWICE.format(name))


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for item in level for child in _children(item)]
    return bool(level)


def _children(item: Any) -> Iterable[Any]:
    if isinstance(item, dict):
        return item.values()
    return item if isinstance(item, list) else ()
