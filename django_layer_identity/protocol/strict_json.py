"""JSON that all readers understand alike: no name twice, no NaN, no half characters."""

from __future__ import annotations

import json
from typing import Any, NoReturn


class DuplicateName(ValueError):
    """An object has this name twice; readers differ in which value they believe."""


def loads(text: str) -> Any:
    """
    Return what the JSON says.

    :raises DuplicateName: if an object has a name twice.
    :raises UnicodeEncodeError: if there is a surrogate without its other half.
    :raises ValueError: if it is not JSON, as NaN and Infinity are not.
    :raises RecursionError: if it is nested too deep.
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
