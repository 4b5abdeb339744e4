"""Parse strict JSON: without duplicate names, NaN and lone surrogates."""

from __future__ import annotations

import json
from typing import Any, NoReturn


class DuplicateName(ValueError):
    """An object has this name twice. Parsers differ in which value they use."""


def loads(text: str) -> Any:
    """
    Parse the JSON text.

    :raises DuplicateName: if an object has a name twice.
    :raises UnicodeEncodeError: if the text has a lone surrogate.
    :raises ValueError: if it is not JSON. NaN and Infinity are not JSON either.
    :raises RecursionError: if it is nested too deeply.
    """
    value = json.loads(
        text, object_pairs_hook=_to_object, parse_constant=_refuse_constant
    )
    json.dumps(value, ensure_ascii=False).encode()  # fails on a lone surrogate
    return value


def _to_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for name, child in pairs:
        if name in value:
            raise DuplicateName(name)
        value[name] = child
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON.")
