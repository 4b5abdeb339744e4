"""
Bodies: JSON, form or multipart, at most 16 KiB, UTF-8, no Content-Encoding.

DRF's own parsers read bodies of any size in any charset, keep the last of two equal
names and replace what is not UTF-8; here each of these is a clear refusal.
"""

from __future__ import annotations

import json
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qsl

from django.core.exceptions import SuspiciousOperation
from django.http import QueryDict
from rest_framework import parsers
from rest_framework.exceptions import ParseError

from django_layer_identity.api.errors import BodyMalformed, MediaTypeUnsupported

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_DEPTH = 16  # levels of JSON; what we read is on the first
UTF_8 = ("", "utf-8", "utf8", "us-ascii", "ascii")
SINGLE = ("nonce", "app_id", "user_id")  # parameters that are sent once or not at all


class _BodyParser(parsers.BaseParser):
    """Hands text to ``parse_text`` once the rules common to all bodies hold."""

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        context = parser_context or {}
        request = context["request"]._request
        encoding = request.headers.get("Content-Encoding", "identity")
        if encoding.strip().lower() != "identity":
            raise MediaTypeUnsupported
        if request.content_params.get("charset", "").strip("'").lower() not in UTF_8:
            raise BodyMalformed("The body's charset is UTF-8.")
        try:
            text = stream.read().decode("utf-8")
        except UnicodeDecodeError as exc:
            raise BodyMalformed("The body is not valid UTF-8.") from exc
        return self.parse_text(text, media_type, context)

    def parse_text(
        self, text: str, media_type: str | None, context: Mapping[str, Any]
    ) -> Any:
        """Return the parameters, or raise :class:`BodyMalformed`."""
        raise AssertionError("Each parser has its own.")


class JSONBodyParser(_BodyParser):
    """``application/json``, with an object on top (RFC 8259)."""

    media_type = "application/json"

    def parse_text(
        self, text: str, media_type: str | None, context: Mapping[str, Any]
    ) -> dict[str, Any]:
        try:
            data = json.loads(
                text, object_pairs_hook=_to_object, parse_constant=_refuse_constant
            )
        except RecursionError as exc:
            raise BodyMalformed("The JSON is nested too deep.") from exc
        except ValueError as exc:
            raise BodyMalformed("The body is not valid JSON.") from exc
        if _is_deep(data):
            raise BodyMalformed("The JSON is nested too deep.")
        if not isinstance(data, dict):
            raise BodyMalformed("The body is not a JSON object.")
        return data


class FormBodyParser(_BodyParser):
    """``application/x-www-form-urlencoded``."""

    media_type = "application/x-www-form-urlencoded"

    def parse_text(
        self, text: str, media_type: str | None, context: Mapping[str, Any]
    ) -> QueryDict:
        try:
            pairs = parse_qsl(text, keep_blank_values=True, errors="strict")
        except ValueError as exc:
            raise BodyMalformed("The form is not percent-encoded UTF-8.") from exc
        _refuse_twice(name for name, _ in pairs)
        form = QueryDict(mutable=True)
        for name, value in pairs:
            form.appendlist(name, value)
        return form


class MultiPartBodyParser(_BodyParser):
    """``multipart/form-data``."""

    media_type = "multipart/form-data"

    def parse_text(
        self, text: str, media_type: str | None, context: Mapping[str, Any]
    ) -> parsers.DataAndFiles:
        django = parsers.MultiPartParser()
        try:
            parts = django.parse(BytesIO(text.encode()), media_type, context)
        except (ParseError, SuspiciousOperation) as exc:
            raise BodyMalformed("The multipart body is malformed.") from exc
        for form in (parts.data, parts.files):
            _refuse_twice(name for name, values in form.lists() for _ in values)
        return parts


def _refuse_twice(names: Iterable[str]) -> None:
    names = list(names)
    for name in SINGLE:
        if names.count(name) > 1:
            raise BodyMalformed(f"The parameter “{name}” was sent twice.")


def _to_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    _refuse_twice(name for name, _ in pairs)
    return dict(pairs)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for item in level for child in _children(item)]
    return bool(level)


def _children(item: Any) -> Iterable[Any]:
    if isinstance(item, dict):
        return item.values()
    return item if isinstance(item, list) else ()
