"""
Bodies: JSON, form or multipart, at most 16 KiB, UTF-8, no Content-Encoding.

DRF's own parsers read bodies of any size in any charset, keep the last of two equal
names, replace what is not UTF-8 and let half characters through; here each of these is
a clear refusal.
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

from django_layer_identity.api.errors import (
    BodyMalformed,
    BodyTooLarge,
    LengthRequired,
    MediaTypeUnsupported,
    to_refusal,
)
from django_layer_identity.keys.secrets import Secret, hide_locals
from django_layer_identity.protocol import strict_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_LENGTH = 16 * 1024  # bytes; a nonce and two IDs have some 300
MAX_DEPTH = 16  # levels of JSON; what we read is on the first
UTF_8 = ("", "utf-8", "utf8", "us-ascii", "ascii")
SINGLE = ("nonce", "app_id", "user_id")  # parameters that are sent once or not at all
TWICE = "The parameter “{}” was sent twice."
NAME_TWICE = "The JSON has a name twice."
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"  # what Django puts where it cannot decode


class _BodyParser(parsers.BaseParser):
    """Hands text to ``parse_text`` once the rules common to all bodies hold."""

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
            raise BodyMalformed("The body's charset is UTF-8.")
        try:
            text = stream.read().decode("utf-8-sig")  # with or without the mark
        except UnicodeDecodeError as exc:
            raise BodyMalformed("The body is not valid UTF-8.") from exc
        return self.parse_text(text, request)

    def parse_text(self, text: str, request: HttpRequest) -> Any:
        """Return the parameters, or raise :class:`BodyMalformed`: each in its way."""


class JSONBodyParser(_BodyParser):
    """``application/json``, with an object on top (RFC 8259)."""

    media_type = "application/json"

    def parse_text(self, text: str, request: HttpRequest) -> Any:
        try:
            data = strict_json.loads(text)
        except strict_json.DuplicateName as exc:
            [name] = exc.args
            known = name in SINGLE
            raise BodyMalformed(TWICE.format(name) if known else NAME_TWICE) from exc
        except UnicodeEncodeError as exc:
            raise BodyMalformed("The JSON has half a character.") from exc
        except RecursionError as exc:
            raise BodyMalformed("The JSON is nested too deep.") from exc
        except ValueError as exc:
            raise BodyMalformed("The body is not valid JSON.") from exc
        if _is_deep(data):
            raise BodyMalformed("The JSON is nested too deep.")
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
            # A TypeError is Python's own, at parameters of RFC 2231 that contradict.
            raise BodyMalformed("The multipart body is malformed.") from exc
        if REPLACEMENT not in text and REPLACEMENT in str(parts.data):
            raise BodyMalformed("A part is not valid UTF-8.")
        return parts


@hide_locals  # its variables hold the body as it was sent
def read_body(request: Any) -> Exception | None:
    """
    Read and parse the body once; Django and DRF keep the result.

    Return what is wrong with the body. The body is then empty to all readers.
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
    Wrap the passwords in the parsed body, and mask them in the raw one.

    Error reporters read both. Every value whose name, or a name above it, contains
    “password” is one, so misspelt and misplaced passwords are hidden too.
    """
    for data in (request._data, request._full_data):
        dict.update(data, _wrapped(data))  # in place: Django's POST is the same
    http = request._request
    http._body = _masked_body(http, request.data)
    http._stream, request._stream = BytesIO(http._body), BytesIO(http._body)


def _wrapped(value: Any, is_secret: bool = False) -> Any:
    if isinstance(value, dict):  # or a form, which is a dict of lists
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
    lists: Any = data.lists()  # of strings, passwords and files
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
        with suppress(RawPostDataException):  # a middleware has parsed it
            request.body  # noqa: B018


def _stated_length(request: Any) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0  # as Django and DRF have it


def _discard_body(request: Any) -> None:
    request._request._mark_post_parse_error()
    vars(request._request).setdefault("_body", b"")
    request._data = request._full_data = QueryDict()
    request._files = MultiValueDict()


def _refuse_repeated(data: dict[str, Any]) -> None:
    if isinstance(data, QueryDict):  # values and files together
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
