"""Take a compact JWS apart (RFC 7515, section 7.1), whatever a stranger sends for one."""

from __future__ import annotations

import base64
import re
from typing import Any

from django_layer_identity.exceptions import InvalidToken
from django_layer_identity.protocol import strict_json

MAX_TOKEN_LENGTH = 16 * 1024  # characters; ours, bounds the work a stranger can cause

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")


def take_apart(token: object) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """
    Return the token as text, its header and its claims. Nothing is verified yet.

    :raises InvalidToken: with ``eit_wrong_jws_part_count``,
        ``eit_malformed_base64url`` or ``eit_malformed_json``.
    """
    text = _as_text(token)
    header, claims = _read_parts(text)
    return text, header, claims


def _as_text(token: object) -> str:
    if not isinstance(token, str):
        raise InvalidToken(
            "eit_wrong_jws_part_count",
            "The identity token is not a string. Pass the value of identity_token, "
            "not the whole answer of your server.",
        )
    if len(token) > MAX_TOKEN_LENGTH:
        raise InvalidToken(
            "eit_wrong_jws_part_count",
            f"The identity token is longer than {MAX_TOKEN_LENGTH} characters. "
            "Put less into its profile claims.",
        )
    return token


def _read_parts(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    parts = text.split(".")
    if len(parts) != 3:
        raise InvalidToken(
            "eit_wrong_jws_part_count",
            f"An identity token has three parts with dots between; this has "
            f"{len(parts)}. Pass the value of identity_token alone and uncut.",
        )
    names = ("header", "claims", "signature")
    header, claims, _ = [
        _decode(part, name) for part, name in zip(parts, names, strict=True)
    ]
    return _parse_object(header, "header"), _parse_object(claims, "claims")


def _decode(part: str, name: str) -> bytes:
    if _BASE64URL.fullmatch(part) is None or len(part) % 4 == 1:
        raise InvalidToken(
            "eit_malformed_base64url",
            f"The token's {name} part is not base64url (RFC 4648, section 5, without "
            "padding). Look for + and / of standard base64, and for quotes, b'...' or "
            "a line break around the token.",
        )
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _parse_object(raw: bytes, name: str) -> dict[str, Any]:
    try:
        value = strict_json.loads(
            raw.decode()
        )  # RFC 7515, section 4, lets us be strict
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InvalidToken(
            "eit_malformed_json",
            f"The token's {name} part is not a JSON object in UTF-8 with each name "
            "once. Let a JWT library assemble the token.",
        )
    return value
