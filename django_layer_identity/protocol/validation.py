"""
Validate identity tokens by the rules of Layer's own validator.

The codes are Layer's, from its authentication guide for iOS (April 2016). The checks
run in this order: form, header, signature, claims, times. The first problem is
reported. Only the public key that the caller looks up is trusted. The token names a key
ID, but it cannot supply a public key or choose the algorithm.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from types import MappingProxyType
from typing import Any

from jwt.api_jws import PyJWS
from jwt.exceptions import PyJWTError

from django_layer_identity.exceptions import InvalidIdentifier, InvalidToken
from django_layer_identity.protocol import strict_json
from django_layer_identity.protocol.claims import MAX_USER_ID_LENGTH, PROFILE_CLAIMS
from django_layer_identity.protocol.identifiers import KeyID, ProviderID
from django_layer_identity.protocol.signing import ALGORITHM, CONTENT_TYPE, TYPE

MAX_TOKEN_LENGTH = 16 * 1024  # characters; our limit on the work a client can cause

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
_HEADER = {"typ": TYPE, "alg": ALGORITHM, "cty": CONTENT_TYPE}
_KEY_ID_FORM = "the key ID, layer:///keys/<uuid>"
_CLAIMS: Mapping[str, tuple[type, str]] = {
    "iss": (str, "It must be the provider ID, layer:///providers/<uuid>."),
    "prn": (
        str,
        "It must be your user ID as a JSON string. Convert numbers with str().",
    ),
    "iat": (int, "It must be the time of issue in whole Unix seconds (UTC)."),
    "exp": (int, "It must be the time of expiry in whole Unix seconds (UTC)."),
    "nce": (
        str,
        "It must be the nonce that Layer gave. Check that the client sends the nonce.",
    ),
}


@dataclass(frozen=True)
class ValidatedToken:
    """The content of a valid identity token. The caller must still check the nonce."""

    key_id: KeyID
    provider_id: ProviderID
    user_id: str
    nonce: str = field(repr=False)
    issued_at: datetime
    expires_at: datetime
    profile: Mapping[str, str] = field(repr=False)


def validate_identity_token(
    token: object,
    *,
    find_public_key: Callable[[KeyID], str],
    now: datetime,
) -> ValidatedToken:
    """
    Return the content of the token if Layer would accept it.

    :param find_public_key: returns the PEM text of the public key with this ID, or
        raises :exc:`InvalidToken`.
    :param now: an aware datetime. There is no tolerance, because Layer documents none.
    :raises InvalidToken: with Layer's code and a message that says what to do. The
        message contains neither the token nor the nonce.
    """
    text, header, claims = parse_compact(token)
    key_id = _read_header(header)
    _verify_signature(text, find_public_key(key_id))
    _check_claims(claims)
    provider_id = _read_provider(claims["iss"])
    _check_times(claims, now.timestamp())
    profile = {name: claims[name] for name in PROFILE_CLAIMS if name in claims}
    return ValidatedToken(
        key_id=key_id,
        provider_id=provider_id,
        user_id=claims["prn"],
        nonce=claims["nce"],
        issued_at=_as_datetime(claims, "iat"),
        expires_at=_as_datetime(claims, "exp"),
        profile=MappingProxyType(profile),
    )


def parse_compact(token: object) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """
    Return the token as text, its header and its claims, without verifying them.

    :raises InvalidToken: with ``eit_wrong_jws_part_count``,
        ``eit_malformed_base64url`` or ``eit_malformed_json``.
    """
    text = _as_text(token)
    parts = text.split(".")
    if len(parts) != 3:
        raise InvalidToken(
            "eit_wrong_jws_part_count",
            f"An identity token must have three parts separated by dots, not "
            f"{len(parts)}. Pass the complete value of identity_token, nothing else.",
        )
    header, claims = _decode(parts[0], "header"), _decode(parts[1], "claims")
    _decode(parts[2], "signature")
    return text, _parse_object(header, "header"), _parse_object(claims, "claims")


def _as_text(token: object) -> str:
    if not isinstance(token, str):
        raise InvalidToken(
            "eit_wrong_jws_part_count",
            "The identity token is not a string. Pass the value of identity_token, "
            "not the whole response of your server.",
        )
    if len(token) > MAX_TOKEN_LENGTH:
        raise InvalidToken(
            "eit_wrong_jws_part_count",
            f"The identity token is longer than {MAX_TOKEN_LENGTH} characters. "
            "Shorten its profile claims.",
        )
    return token


def _decode(part: str, name: str) -> bytes:
    if _BASE64URL.fullmatch(part) is None or len(part) % 4 == 1:
        raise InvalidToken(
            "eit_malformed_base64url",
            f"The token's {name} part is not base64url (RFC 4648, section 5, without "
            "padding). Look for + and / from standard base64, and for quotation marks, "
            "b'...' or a line break around the token.",
        )
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _parse_object(raw: bytes, name: str) -> dict[str, Any]:
    try:
        # RFC 7515, section 4, allows a parser to reject duplicate names.
        value = strict_json.loads(raw.decode())
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InvalidToken(
            "eit_malformed_json",
            f"The token's {name} part is not a JSON object in UTF-8 with unique names. "
            "Use a JWT library to create the token.",
        )
    return value


def _read_header(header: dict[str, Any]) -> KeyID:
    for name, expected in _HEADER.items():
        if _header_text(header, name) != expected:
            raise InvalidToken(
                "eit_header_param_wrong_value",
                f"The token's header field “{name}” must be {expected}.",
            )
    if "crit" in header:
        # RFC 7515, section 4.1.11: refuse extensions that are not understood.
        raise InvalidToken(
            "eit_header_param_wrong_value",
            "The token's header has the field “crit”, but Layer supports no "
            "extensions. Remove the field.",
        )
    return _read_key_id(_header_text(header, "kid"))


def _header_text(header: dict[str, Any], name: str) -> str:
    if name not in header:
        raise InvalidToken(
            "eit_header_param_not_found",
            f"The token's header lacks the field “{name}”. It must be "
            f"{_HEADER.get(name, _KEY_ID_FORM)}.",
        )
    value = header[name]
    if not isinstance(value, str):
        raise InvalidToken(
            "eit_header_param_wrong_type",
            f"The token's header field “{name}” must be a string.",
        )
    return value


def _read_key_id(text: str) -> KeyID:
    try:
        return KeyID.parse(text)
    except InvalidIdentifier as exc:
        raise InvalidToken(
            "eit_key_malformed",
            "The token's header field “kid” is not a key ID. A key ID starts with "
            "layer:///keys/. Use the ID that Layer shows, not the key's name.",
        ) from exc


def _read_provider(text: str) -> ProviderID:
    try:
        return ProviderID.parse(text)
    except InvalidIdentifier as exc:
        raise InvalidToken(
            "eit_provider_not_found",
            "The token's claim “iss” is not a provider ID. " + _CLAIMS["iss"][1],
        ) from exc


def _verify_signature(text: str, public_key: str) -> None:
    try:
        # Never use the header's algorithm: a client could then sign with the public key
        # as an HMAC secret, or send an unsigned token.
        PyJWS().decode(text, public_key, algorithms=[ALGORITHM])
    except PyJWTError as exc:
        raise InvalidToken(
            "eit_signature_verification_failed",
            "The token was not signed by the private key that belongs to its “kid”. "
            "Compare the fingerprints of the keys, and check that the key is from the "
            "right environment (staging or production).",
        ) from exc


def _check_claims(claims: dict[str, Any]) -> None:
    for name, (kind, hint) in _CLAIMS.items():
        if name not in claims:
            raise InvalidToken(
                "eit_claim_not_found", f"The token lacks the claim “{name}”. {hint}"
            )
        if type(claims[name]) is not kind:  # in Python, but not in JSON, true is an int
            raise _wrong_claim(name, hint)
    if not 0 < len(claims["prn"]) <= MAX_USER_ID_LENGTH:
        raise _wrong_claim("prn", f"It must have 1 to {MAX_USER_ID_LENGTH} characters.")
    for name, limit in PROFILE_CLAIMS.items():
        value = claims.get(name, "")
        if not isinstance(value, str):
            hint = "It must be a string. Leave the claim out if the user has no value."
            raise _wrong_claim(name, hint)
        if limit is not None and len(value) > limit:
            raise _wrong_claim(name, f"It must have at most {limit} characters.")


def _check_times(claims: dict[str, Any], now: float) -> None:
    if now >= claims["exp"]:  # RFC 7519, section 4.1.4: "on or after"
        raise InvalidToken(
            "eit_expired",
            "The token has expired: its “exp” is in the past. Issue a new token for "
            "each nonce and do not store it. Check the server's clock, and that times "
            "are in UTC.",
        )
    if now < claims["iat"]:
        raise InvalidToken(
            "eit_not_before",
            "The token is not valid yet: its “iat” is in the future. Check the "
            "server's clock, that times are in UTC, and that they are in seconds, not "
            "milliseconds.",
        )


def _as_datetime(claims: dict[str, Any], name: str) -> datetime:
    try:
        return datetime.fromtimestamp(claims[name], tz=timezone.utc)
    except (ValueError, OverflowError, OSError) as exc:  # depends on the platform
        raise _wrong_claim(name, _CLAIMS[name][1]) from exc


def _wrong_claim(name: str, hint: str) -> InvalidToken:
    return InvalidToken(
        "eit_claim_wrong_type", f"The token's claim “{name}” is invalid. {hint}"
    )
