"""
Would Layer accept this identity token? The rules of Layer's own validator.

The codes are Layer's (its authentication guide for iOS, April 2016, lists them); the
checks run from the outside in and the first finding wins. Only the public key that
the caller looks up is trusted: nothing in the token chooses the key or the algorithm.
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

MAX_TOKEN_LENGTH = 16 * 1024  # characters; ours, bounds the work a stranger can cause

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
_HEADER = {"typ": TYPE, "alg": ALGORITHM, "cty": CONTENT_TYPE}
_CLAIMS: Mapping[str, tuple[type, str]] = {
    "iss": (str, "It is the provider ID, layer:///providers/<uuid>."),
    "prn": (str, "It is your user ID as a JSON string: convert numbers with str()."),
    "iat": (int, "It is the time of issue as whole Unix seconds, in UTC."),
    "exp": (int, "It is the time of expiry as whole Unix seconds, in UTC."),
    "nce": (
        str,
        "It is the nonce that Layer gave: check that the client sent it at all.",
    ),
}


@dataclass(frozen=True)
class ValidatedToken:
    """What an acceptable identity token says; the nonce is yet to be looked up."""

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
    Return what the token says if Layer would accept it.

    :param find_public_key: gives the PEM text of the public key that Layer knows by
        that ID, or raises :exc:`InvalidToken` itself.
    :param now: an aware datetime. There is no tolerance: Layer documents none.
    :raises InvalidToken: with Layer's code and a sentence on what to do. Neither the
        token nor the nonce is in it.
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
    Return the token as text, its header and its claims. Nothing is verified yet.

    :raises InvalidToken: with ``eit_wrong_jws_part_count``,
        ``eit_malformed_base64url`` or ``eit_malformed_json``.
    """
    text = _as_text(token)
    parts = text.split(".")
    if len(parts) != 3:
        raise InvalidToken(
            "eit_wrong_jws_part_count",
            f"An identity token has three parts with dots between; this has "
            f"{len(parts)}. Pass the value of identity_token alone and uncut.",
        )
    header, claims = _decode(parts[0], "header"), _decode(parts[1], "claims")
    _decode(parts[2], "signature")
    return text, _parse_object(header, "header"), _parse_object(claims, "claims")


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
        value = strict_json.loads(raw.decode())  # as RFC 7515, section 4, lets us
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InvalidToken(
            "eit_malformed_json",
            f"The token's {name} part is not a JSON object in UTF-8 with each name "
            "once. Let a JWT library assemble the token.",
        )
    return value


def _read_header(header: dict[str, Any]) -> KeyID:
    for name, expected in _HEADER.items():
        if _header_text(header, name) != expected:
            raise InvalidToken(
                "eit_header_param_wrong_value",
                f"The token's header field “{name}” should be {expected}.",
            )
    if "crit" in header:
        # RFC 7515, section 4.1.11: who does not understand an extension refuses.
        raise InvalidToken(
            "eit_header_param_wrong_value",
            "The token's header has the field “crit”. Layer knows no extensions.",
        )
    return _read_key_id(_header_text(header, "kid"))


def _header_text(header: dict[str, Any], name: str) -> str:
    if name not in header:
        raise InvalidToken(
            "eit_header_param_not_found",
            f"The token's header lacks the field “{name}”.",
        )
    value = header[name]
    if not isinstance(value, str):
        raise InvalidToken(
            "eit_header_param_wrong_type",
            f"The token's header field “{name}” should be a string.",
        )
    return value


def _read_key_id(text: str) -> KeyID:
    try:
        return KeyID.parse(text)
    except InvalidIdentifier as exc:
        raise InvalidToken(
            "eit_key_malformed",
            "The token's header field “kid” is not a key ID; one should start with "
            "layer:///keys/. It is the ID that Layer shows, not the key's name.",
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
        # One algorithm, ours: with the header's, anybody could sign with the public
        # key as an HMAC secret, or not sign at all.
        PyJWS().decode(text, public_key, algorithms=[ALGORITHM])
    except PyJWTError as exc:
        raise InvalidToken(
            "eit_signature_verification_failed",
            "The token was not signed by the private key that belongs to its “kid”. "
            "Compare the fingerprints of the keys; staging and production differ.",
        ) from exc


def _check_claims(claims: dict[str, Any]) -> None:
    for name, (kind, hint) in _CLAIMS.items():
        if name not in claims:
            raise InvalidToken(
                "eit_claim_not_found", f"The token lacks the claim “{name}”. {hint}"
            )
        if type(claims[name]) is not kind:  # true is an int to Python, not to JSON
            raise _wrong_claim(name, hint)
    if not 0 < len(claims["prn"]) <= MAX_USER_ID_LENGTH:
        raise _wrong_claim("prn", f"It has 1 to {MAX_USER_ID_LENGTH} characters.")
    for name, limit in PROFILE_CLAIMS.items():
        value = claims.get(name, "")
        if not isinstance(value, str):
            hint = "It is a string; leave it out where there is none."
            raise _wrong_claim(name, hint)
        if limit is not None and len(value) > limit:
            raise _wrong_claim(name, f"It has at most {limit} characters.")


def _check_times(claims: dict[str, Any], now: float) -> None:
    if now >= claims["exp"]:  # RFC 7519, section 4.1.4: on or after
        raise InvalidToken(
            "eit_expired",
            "The token is past its “exp”. Issue one for each nonce and do not keep "
            "it; check the clock, and that times are in UTC.",
        )
    if now < claims["iat"]:
        raise InvalidToken(
            "eit_not_before",
            "The token is before its “iat”. Check the clock, that times are in UTC, "
            "and that they are seconds and not milliseconds.",
        )


def _as_datetime(claims: dict[str, Any], name: str) -> datetime:
    try:
        return datetime.fromtimestamp(claims[name], tz=timezone.utc)
    except (ValueError, OverflowError, OSError) as exc:  # which one: the platform's
        raise _wrong_claim(name, _CLAIMS[name][1]) from exc


def _wrong_claim(name: str, hint: str) -> InvalidToken:
    return InvalidToken(
        "eit_claim_wrong_type", f"The token's claim “{name}” is of no use. {hint}"
    )
