"""
Explain why Layer would refuse an identity token: every problem, not only the first.

The codes are those of Layer's own validator, from its authentication guide for iOS
(April 2016). A code that starts with ``layer_identity_`` is ours: Layer had none for
that problem. The checks run in the order of Layer's validator: form, header, signature,
claims, times, nonce. The token names a key ID, but it cannot supply a public key or
choose the algorithm. Messages contain neither the token, nor its signature, nonce or
user ID.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

from django_layer_identity.exceptions import (
    InvalidClaims,
    InvalidIdentifier,
    NonceInvalid,
)
from django_layer_identity.protocol import strict_json
from django_layer_identity.protocol.claims import (
    MAX_CLOCK_SKEW,
    MAX_LIFETIME,
    MAX_USER_ID_LENGTH,
    OPT_IN_CLAIMS,
    PROFILE_CLAIMS,
    check_nonce,
    check_profile_claim,
    check_user_id,
)
from django_layer_identity.protocol.identifiers import AppID, KeyID, ProviderID
from django_layer_identity.protocol.known_keys import (
    DELETED,
    RETIRED,
    REVOKED,
    KnownKey,
    find_key,
)
from django_layer_identity.protocol.signing import ALGORITHM, CONTENT_TYPE, TYPE

ERROR, WARNING = "error", "warning"
MAX_TOKEN_LENGTH = 16 * 1024  # characters; our limit on the work a client can cause

#: Layer's codes and what they mean.
LAYER_CODES: Mapping[str, str] = {
    "eit_wrong_jws_part_count": "The token does not have three parts.",
    "eit_malformed_base64url": "A part of the token is not base64url.",
    "eit_malformed_json": "The header or the claims are not a JSON object.",
    "eit_header_param_not_found": "A header field is missing.",
    "eit_header_param_wrong_type": "A header field is not a string.",
    "eit_header_param_wrong_value": "A header field has another value than Layer's.",
    "eit_claim_not_found": "A claim is missing.",
    "eit_claim_wrong_type": "A claim has the wrong type, or is empty or too long.",
    "eit_key_malformed": "The “kid” is not a key ID.",
    "eit_key_not_found": "No known key has the key ID in “kid”.",
    "eit_key_disabled": "The key was revoked.",
    "eit_key_deleted": "The key was removed.",
    "eit_signature_verification_failed": "The key in “kid” did not sign the token.",
    "eit_provider_not_found": "The “iss” is not a known provider ID.",
    "eit_provider_not_bound_to_app": "The “iss” is the provider of another app.",
    "eit_nonce_not_found": "The nonce is unknown, used or expired.",
    "eit_expired": "The token has expired.",
    "eit_not_before": "The token is not valid yet.",
    "eit_user_suspended": "The user was suspended at Layer.",
    "eit_user_blacklisted": "The older name of eit_user_suspended.",
}

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
_TO_BASE64URL = str.maketrans("+/", "-_")
_HEADER = {"typ": TYPE, "alg": ALGORITHM, "cty": CONTENT_TYPE}
_KEY_ID_FORM = "the key ID, layer:///keys/<uuid>"
_CRITICAL = ("crit", "b64")  # RFC 7515 and RFC 7797: they change what is signed
_IN_HEADER_IGNORED = ("jku", "jwk", "x5u", "x5c")
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
#: Names that other kinds of tokens use for the same thing.
_MISNAMED = {"prn": ("sub", "user_id", "uid"), "nce": ("nonce",), "iss": ("provider",)}
_RESPONSE_NAMES = ("identity_token", "layer_identity_token", "token")
_WRAPPINGS: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (
        re.compile(r"b'(.*)'|b\"(.*)\"", re.DOTALL),
        "The token is inside b'...', the form in which Python prints bytes.",
        'Decode the bytes in the server: token.decode("ascii").',
    ),
    (
        re.compile(r"\"(.*)\"|'(.*)'|“(.*)”", re.DOTALL),
        "There are quotation marks around the token.",
        "Parse the response as JSON and pass the value of identity_token.",
    ),
    (
        re.compile(
            r"(?:authorization[ :]+)?(?:bearer|jwt|token)[ :]+(.*)",
            re.DOTALL | re.IGNORECASE,
        ),
        "There is the name of an authentication scheme before the token.",
        "Pass the token only, without “Bearer”.",
    ),
    (
        re.compile(
            r"(?:.*&)?(?:layer_)?identity_token=([^&]*)(?:&.*)?",
            re.DOTALL | re.IGNORECASE,
        ),
        "This is a form body or a query string, not the token.",
        "Pass only the value of identity_token.",
    ),
    (
        re.compile(r"\ufeff(.*)", re.DOTALL),
        "There is a byte order mark before the token.",
        "Pass the token only. Save files as UTF-8 without a byte order mark.",
    ),
)
_HALF_HOUR = 1800  # seconds; UTC offsets are multiples of a quarter, mostly of this
_MILLISECONDS = 10**11  # as seconds, this is the year 5138


@dataclass(frozen=True)
class Finding:
    """
    Something wrong with a token.

    ``code`` is one of :data:`LAYER_CODES` or starts with ``layer_identity_``.
    ``severity`` is ``"error"`` if Layer would refuse the token, else ``"warning"``.
    ``message`` says what is wrong, and ``hint`` what to do.
    """

    code: str
    severity: str
    message: str
    hint: str


def explain_token(
    token: object,
    *,
    keys: Iterable[KnownKey] = (),
    app: str | None = None,
    nonce: str | None = None,
    now: datetime | None = None,
) -> list[Finding]:
    """
    Return every problem of the token. Without an error, Layer would accept it.

    The function never raises an exception because of the token, and follows nothing
    that the token names.

    :param keys: the keys that Layer knows. A token of any other key is refused.
    :param app: the app ID of the session that the client opens, in any accepted form.
    :param nonce: the nonce that the client got; None skips the comparison.
    :param now: an aware datetime; None means the present. There is no tolerance,
        because Layer documents none.
    :raises InvalidIdentifier: if ``app`` is not an app ID.
    """
    app_id = None if app is None else AppID.parse(app)
    inspection = Inspection(token, keys=tuple(keys), app=app_id, nonce=nonce, now=now)
    return list(inspection.run())


@dataclass
class Inspection:
    """
    One token and what the verifier knows. ``run`` yields the findings lazily.

    After a run without errors, ``header`` and ``claims`` are complete and correct.
    """

    token: object = field(repr=False)
    keys: tuple[KnownKey, ...] = ()
    app: AppID | None = None
    #: The app's provider ID. None means that of the app's keys, if that is unique.
    provider: ProviderID | None = None
    #: Other provider IDs that exist, besides those of the keys.
    providers: frozenset[ProviderID] = frozenset()
    nonce: str | None = field(default=None, repr=False)
    now: datetime | None = None
    header: dict[str, Any] | None = field(default=None, init=False, repr=False)
    claims: dict[str, Any] | None = field(default=None, init=False, repr=False)
    key: KnownKey | None = field(default=None, init=False)
    #: Whether the key that “kid” names signed the token. If not, there is an error.
    is_verified: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        now = self.now or datetime.now(timezone.utc)
        self.seconds = int(now.timestamp())
        self.text = ""  # the token, without what was pasted around it
        self.raw_claims = b""
        self.is_base64url = self.lacks_provider = False
        if self.provider is None and self.app is not None:
            ids = {key.provider_id for key in self.keys if key.is_of_app(self.app)}
            self.lacks_provider = len(ids) != 1
            if not self.lacks_provider and (text := ids.pop()):
                self.provider = ProviderID.parse(text)

    def run(self) -> Iterator[Finding]:
        """Yield the findings in the order of Layer's checks."""
        self.is_verified = is_refused = False
        for finding in self._form_and_header():
            is_refused |= finding.severity == ERROR
            yield finding
        yield from self._signature(is_refused)
        if self.claims is not None:
            yield from self._claims(self.claims)
            yield from self._provider(self.claims)
            yield from self._times(self.claims)
            yield from self._nonce(self.claims)
            yield from self._warnings(self.claims)

    def _form_and_header(self) -> Iterator[Finding]:
        yield from self._form()
        if self.header is not None:
            yield from self._header(self.header)

    # Form

    def _form(self) -> Iterator[Finding]:
        if not isinstance(self.token, str):
            yield _error(
                "eit_wrong_jws_part_count",
                "The identity token is not a string.",
                "Pass the value of identity_token, not the whole response of your "
                "server.",
            )
            return
        if len(self.token) > MAX_TOKEN_LENGTH:
            yield _error(
                "layer_identity_token_too_long",
                f"The identity token is longer than {MAX_TOKEN_LENGTH} characters.",
                "Shorten its profile claims.",
            )
            return
        self.text = self.token
        yield from self._unwrap()
        parts = self.text.split(".")
        if len(parts) != 3:
            yield _error(
                "eit_wrong_jws_part_count",
                "An identity token must have three parts separated by dots, not "
                f"{len(parts)}.",
                _HINTS_BY_PART_COUNT.get(len(parts), _COMPLETE_VALUE),
            )
            return
        raw = []
        for part, name in zip(parts, ("header", "claims", "signature"), strict=True):
            content, findings = _decode(part, name)
            yield from findings
            raw.append(content)
        self.header, findings = _parse_object(raw[0], "header")
        yield from findings
        self.claims, findings = _parse_object(raw[1], "claims")
        yield from findings
        self.raw_claims = raw[1] or b""
        self.is_base64url = all(map(_BASE64URL.fullmatch, parts)) and None not in raw

    def _unwrap(self) -> Iterator[Finding]:
        """Remove what was pasted around the token. Each wrapping is an error."""
        for _ in range(5):  # nobody wraps a token more often
            text, message, hint = _unwrap_once(self.text)
            if text == self.text:
                return
            is_counted = self.text.count(".") == 2
            yield _error(
                "eit_malformed_base64url" if is_counted else "eit_wrong_jws_part_count",
                message,
                hint,
            )
            self.text = text

    # Header

    def _header(self, header: dict[str, Any]) -> Iterator[Finding]:
        for name, expected in (*_HEADER.items(), ("kid", _KEY_ID_FORM)):
            if name not in header:
                yield _error(
                    "eit_header_param_not_found",
                    f"The token's header lacks the field “{name}”.",
                    f"It must be {expected}.",
                )
            elif not isinstance(header[name], str):
                yield _error(
                    "eit_header_param_wrong_type",
                    f"The token's header field “{name}” must be a string.",
                    f"It must be {expected}.",
                )
            elif name != "kid" and header[name] != expected:
                yield _error(
                    "eit_header_param_wrong_value",
                    f"The token's header field “{name}” must be {expected}.",
                    _header_hint(name, header[name]),
                )
        for name in _CRITICAL:
            if name in header:
                yield _error(
                    "eit_header_param_wrong_value",
                    f"The token's header has the field “{name}”, but Layer supports no "
                    "extensions.",
                    "Remove the field.",
                )
        if isinstance(header.get("kid"), str):
            yield from self._kid(header["kid"])

    def _kid(self, text: str) -> Iterator[Finding]:
        try:
            key_id = KeyID.parse(text)
        except InvalidIdentifier as exc:
            kind = f"{exc} " if str(exc).startswith("This is") else ""
            yield _error(
                "eit_key_malformed",
                "The token's header field “kid” is not a key ID.",
                f"{kind}A key ID starts with layer:///keys/. Use the key ID, not "
                f"the key's name.{self._signer_hint()}",
            )
            return
        self.key = find_key(self.keys, key_id, app=self.app, provider=self.provider)
        if self.key is None:
            yield _error(
                "eit_key_not_found",
                f"No signing key here has the key ID in the token's “kid”: {key_id}.",
                self._unknown_kid_hint(key_id) + self._signer_hint(),
            )
        else:
            yield from self._state(self.key)

    def _unknown_kid_hint(self, key_id: KeyID) -> str:
        uuid = str(key_id.uuid)
        if not self.keys:
            return "No key is known: create a signing key, or pass the known keys."
        if any(key.provider_id.endswith(uuid) for key in self.keys):
            return "It is the UUID of a provider ID. Use the key ID."
        if any(key.app_id.endswith(uuid) for key in self.keys):
            return "It is the UUID of an app ID. Use the key ID."
        return (
            "A key ID starts with layer:///keys/. Compare it with the signing keys in the "
            "admin."
        )

    def _state(self, key: KnownKey) -> Iterator[Finding]:
        if key.state == REVOKED:
            yield _error(
                "eit_key_disabled",
                "The signing key that the token's “kid” names was revoked.",
                "Activate another one and issue a new token.",
            )
        elif key.state == DELETED:
            yield _error(
                "eit_key_deleted",
                "The signing key that the token's “kid” names was removed.",
                "Activate another one and issue a new token.",
            )
        elif key.state == RETIRED:
            yield _warning(
                "layer_identity_key_retired",
                "The signing key that the token's “kid” names is retired.",
                "The token is valid until it expires, unless the verifier no longer has the "
                "public key. New tokens must be signed with the active key.",
            )
        if self.app and key.app_id and not key.is_of_app(self.app):
            yield _warning(
                "layer_identity_key_of_other_app",
                "The signing key that the token's “kid” names belongs to another Layer "
                "app than the one named.",
                "Issue the token for the app that the client uses: staging or "
                "production.",
            )

    # Signature

    def _signature(self, is_refused: bool) -> Iterator[Finding]:
        """Verify the signature. Yield an error if it is not verified, for any reason."""
        header = self.header or {}
        can_verify = (
            self.is_base64url
            and header.get("alg") == ALGORITHM
            and header.keys().isdisjoint(_CRITICAL)
        )
        key = self.key if can_verify else None
        self.is_verified = key is not None and key.has_signed(self.text)
        # An earlier error says why there is nothing to verify.
        if not self.is_verified and (key is not None or not is_refused):
            yield _error(
                "eit_signature_verification_failed",
                "The token was not signed by the private key that belongs to its “kid”.",
                self._signer_hint().strip()
                or "None of the known keys signed it, or it was changed afterwards. "
                "Compare the fingerprints of the keys, and check that the key is from "
                "the right environment (staging or production).",
            )

    def _signer_hint(self) -> str:
        """Name the known key that signed the token."""
        for key in self.keys if self.is_base64url else ():
            if key.has_signed(self.text):
                owner = f" of the app {key.app_id}" if key.app_id else ""
                return f" The token was signed by {key}{owner} ({key.state})."
        return ""

    # Claims

    def _claims(self, claims: dict[str, Any]) -> Iterator[Finding]:
        for name, (kind, hint) in _CLAIMS.items():
            if name not in claims:
                yield _error(
                    "eit_claim_not_found",
                    f"The token lacks the claim “{name}”.",
                    hint + _misnamed_hint(name, claims),
                )
            elif type(claims[name]) is not kind:  # in JSON, true is not a number
                yield _wrong_claim(name, hint)
        user_id = claims.get("prn")
        if isinstance(user_id, str) and not 0 < len(user_id) <= MAX_USER_ID_LENGTH:
            hint = f"It must have 1 to {MAX_USER_ID_LENGTH} characters."
            yield _wrong_claim("prn", hint)
        for name, limit in PROFILE_CLAIMS.items():
            value = claims.get(name, "")
            if not isinstance(value, str):
                yield _wrong_claim(
                    name,
                    "It must be a string. Leave the claim out if the user has no value.",
                )
            elif limit is not None and len(value) > limit:
                yield _wrong_claim(name, f"It must have at most {limit} characters.")

    def _provider(self, claims: dict[str, Any]) -> Iterator[Finding]:
        if not isinstance(claims.get("iss"), str):
            return
        try:
            provider = ProviderID.parse(claims["iss"])
        except InvalidIdentifier as exc:
            kind = f"{exc} " if str(exc).startswith("This is") else ""
            yield _error(
                "eit_provider_not_found",
                "The token's claim “iss” is not a provider ID.",
                kind + _CLAIMS["iss"][1],
            )
            return
        known = {key.provider_id for key in self.keys if key.provider_id}
        known |= {str(other) for other in (*self.providers, self.provider) if other}
        if known and str(provider) not in known:
            yield _error(
                "eit_provider_not_found",
                "No Layer app here has the provider ID in the token's “iss”: "
                f"{provider}.",
                "Compare it with the Layer apps in the admin.",
            )
        elif self.provider not in (None, provider):
            yield _error(
                "eit_provider_not_bound_to_app",
                "The provider ID in the token's “iss” belongs to a different Layer app "
                "than the app_id of this request.",
                "Issue the token for the same app.",
            )
        elif self.key and self.key.provider_id not in ("", str(provider)):
            yield _error(
                "eit_key_not_found",
                "The signing key in the token's “kid” belongs to a different provider "
                "than the token's “iss”.",
                "Issue the token with a key of the same provider.",
            )
        elif self.lacks_provider:
            yield _warning(
                "layer_identity_provider_not_compared",
                "The provider ID in the token's “iss” was not compared with that of the "
                "app named: the known keys do not tell its provider.",
                "Pass a key of this app, with its app ID and provider ID.",
            )

    # Times

    def _times(self, claims: dict[str, Any]) -> Iterator[Finding]:
        iat, exp = (_as_seconds(claims, name) for name in ("iat", "exp"))
        if exp is not None and self.seconds >= exp:  # RFC 7519, 4.1.4: "on or after"
            yield _error(
                "eit_expired",
                "The token has expired: its “exp” is in the past, by "
                f"{_duration(self.seconds - exp)}.",
                "Issue a new token for each nonce and do not store it. Check the "
                "server's clock, and that times are in UTC."
                + _local_time_hint(self.seconds, iat),
            )
        if iat is not None and self.seconds < iat:
            yield _error(
                "eit_not_before",
                "The token is not valid yet: its “iat” is in the future, by "
                f"{_duration(iat - self.seconds)}.",
                _units_hint(iat).rstrip()
                or "Check the server's clock, that times are in UTC, and that they are "
                "in seconds, not milliseconds."
                + _local_time_hint(self.seconds, iat),
            )
        if exp is not None and not _is_datetime(exp) and exp > self.seconds:
            yield _wrong_claim("exp", _units_hint(exp) + _CLAIMS["exp"][1])
        elif iat is not None and not _is_datetime(iat) and iat <= self.seconds:
            yield _wrong_claim("iat", _CLAIMS["iat"][1])
        elif (
            iat is not None
            and exp is not None
            and exp - iat > (MAX_LIFETIME + MAX_CLOCK_SKEW).total_seconds()
        ):
            yield _warning(
                "layer_identity_long_lifetime",
                f"The token lives {_duration(exp - iat)}: anyone who gets hold of it "
                "can use it for that long.",
                "A token is needed once, within minutes. Five minutes are enough.",
            )

    # Nonce

    def _nonce(self, claims: dict[str, Any]) -> Iterator[Finding]:
        nonce = claims.get("nce")
        if not isinstance(nonce, str):
            return
        try:
            check_nonce(nonce or " ")
        except NonceInvalid:
            yield _error(
                "eit_nonce_not_found",
                "The token's claim “nce” cannot be a nonce from Layer: it is blank, too "
                "long, or has control characters.",
                _CLAIMS["nce"][1],
            )
            return
        if self.nonce not in (None, nonce):
            yield _error(
                "eit_nonce_not_found",
                "The token's claim “nce” is not the nonce that the client got.",
                _LOST_PLUS
                if nonce.replace(" ", "+") == self.nonce
                else "Issue a new token for each nonce, and pass the nonce unchanged.",
            )
        elif " " in nonce and self.nonce is None:
            yield _warning(
                "layer_identity_nonce_has_space",
                "The token's claim “nce” has a space. Layer's nonces have none.",
                _LOST_PLUS,
            )

    # Remarks

    def _warnings(self, claims: dict[str, Any]) -> Iterator[Finding]:
        user_id = claims.get("prn")
        if isinstance(user_id, str) and 0 < len(user_id) <= MAX_USER_ID_LENGTH:
            try:
                check_user_id(user_id)
            except InvalidClaims as exc:
                yield _warning(
                    "layer_identity_user_id",
                    f"The token's claim “prn” is not usable as a user ID. {exc}",
                    "Check which user attribute the server signs.",
                )
        for name in OPT_IN_CLAIMS:
            if name in claims:
                try:
                    check_profile_claim(name, claims[name])
                except InvalidClaims as exc:
                    hint = "Shorten it or leave it out."
                    yield _warning("layer_identity_profile_claim", str(exc), hint)
        if not self.raw_claims.isascii():
            yield _warning(
                "layer_identity_not_ascii",
                "The token's claims contain characters outside ASCII. Layer's web SDKs "
                "show them garbled, and refuse a user ID that contains one.",
                "Write \\u escapes: json.dumps() does so unless ensure_ascii is False.",
            )
        for name in _IN_HEADER_IGNORED:
            if name in (self.header or {}):
                yield _warning(
                    "layer_identity_header_ignored",
                    f"The token's header field “{name}” is ignored: a token cannot "
                    "supply its own key.",
                    "Remove the field.",
                )


_COMPLETE_VALUE = "Pass the complete value of identity_token, nothing else."
_LOST_PLUS = (
    "A plus sign was lost: in a form body, + means a space. Send JSON, or "
    "percent-encode + as %2B."
)
_HINTS_BY_PART_COUNT = {
    2: f"The signature is missing. {_COMPLETE_VALUE}",
    5: "This is an encrypted token (JWE). Layer needs a signed one (JWS).",
}


def _error(code: str, message: str, hint: str) -> Finding:
    return Finding(code, ERROR, message, hint)


def _warning(code: str, message: str, hint: str) -> Finding:
    return Finding(code, WARNING, message, hint)


def _wrong_claim(name: str, hint: str) -> Finding:
    return _error(
        "eit_claim_wrong_type", f"The token's claim “{name}” is invalid.", hint
    )


def _unwrap_once(text: str) -> tuple[str, str, str]:
    """Return the text without its outermost wrapping, and what the wrapping is."""
    if text != text.strip():
        return (
            text.strip(),
            "There is white space or a line break around the token.",
            "Pass the token only. Some programs end their output with a line break.",
        )
    for pattern, message, hint in _WRAPPINGS:
        if match := pattern.fullmatch(text):
            inside = next(group for group in match.groups() if group is not None)
            return inside, message, hint
    if text.startswith("{"):
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            content = {}
        objects = (content, *content.values())  # some APIs wrap it, as in {"data": {}}
        for holder in (each for each in objects if isinstance(each, dict)):
            for name in _RESPONSE_NAMES:
                if isinstance(holder.get(name), str):
                    return (
                        holder[name],
                        "This is the whole response of your server, not the token.",
                        f"Pass only the value of {name}.",
                    )
    return text, "", ""


def _decode(part: str, name: str) -> tuple[bytes | None, list[Finding]]:
    """Return the bytes, also of standard base64, and what is wrong with the part."""
    corrected = part.rstrip("=").translate(_TO_BASE64URL)
    is_readable = _BASE64URL.fullmatch(corrected) and len(corrected) % 4 != 1
    raw = (
        base64.urlsafe_b64decode(corrected + "=" * (-len(corrected) % 4))
        if is_readable
        else None
    )
    if raw is not None and corrected == part:
        return raw, []
    finding = _error(
        "eit_malformed_base64url",
        f"The token's {name} part is not base64url (RFC 4648, section 5, without "
        "padding).",
        "It is standard base64: replace + by - and / by _, and remove =. A JWT library "
        "does that."
        if raw is not None
        else "Look for characters that do not belong to the token, or that are missing: "
        "quotation marks, line breaks, an incomplete copy.",
    )
    return raw, [finding]


def _parse_object(
    raw: bytes | None, name: str
) -> tuple[dict[str, Any] | None, list[Finding]]:
    """Return the object, also one with duplicate names, and what is wrong with it."""
    if raw is None:
        return None, []
    value, reason = _load(raw, strict_json.loads)
    if isinstance(value, dict):
        return value, []
    finding = _error(
        "eit_malformed_json",
        f"The token's {name} part is not a JSON object in UTF-8 with unique names.",
        "Use a JWT library to create the token.",
    )
    if isinstance(reason, strict_json.DuplicateName):
        # RFC 7515, section 4, allows a parser to reject duplicate names.
        value, _ = _load(raw, json.loads)
    return (value if isinstance(value, dict) else None), [finding]


def _load(raw: bytes, loads: Callable[[str], Any]) -> tuple[Any, Exception | None]:
    try:
        return loads(raw.decode()), None
    except (ValueError, RecursionError) as exc:
        return None, exc


def _header_hint(name: str, value: str) -> str:
    if name == "typ" and value == "JWS":
        return "Layer's guides said JWS until June 2015, and JWT since then."
    if name == "alg":
        return "Layer accepts only RS256: an RSA key and SHA-256."
    return "Write it exactly like this: the value is case-sensitive."


def _misnamed_hint(name: str, claims: Mapping[str, Any]) -> str:
    for other in _MISNAMED.get(name, ()):
        if other in claims:
            return f" The token has “{other}” instead: Layer reads “{name}”."
    return ""


def _as_seconds(claims: Mapping[str, Any], name: str) -> int | None:
    value = claims.get(name)
    return value if type(value) is int else None


def _is_datetime(seconds: int) -> bool:
    try:
        datetime.fromtimestamp(seconds, tz=timezone.utc)
    except (ValueError, OverflowError, OSError):  # depends on the platform
        return False
    return True


def _units_hint(seconds: int) -> str:
    is_milliseconds = _MILLISECONDS < seconds < _MILLISECONDS * 1000
    return "The time is in milliseconds: divide it by 1000. " if is_milliseconds else ""


def _local_time_hint(now: int, iat: int | None) -> str:
    """Say that a time may be local: it differs from now by a usual UTC offset."""
    if iat is None or abs(now - iat) > 15 * 3600:
        return ""
    halves = round(abs(now - iat) / _HALF_HOUR)
    if not halves or abs(abs(now - iat) - halves * _HALF_HOUR) > 300:
        return ""
    offset = _duration(halves * _HALF_HOUR)
    return (
        f" The “iat” differs from now by about {offset}, like a time zone: a new token "
        "with this difference contains local time instead of UTC."
    )


def _duration(seconds: int) -> str:
    """Return a rounded duration: “3 seconds”, “2 hours 30 minutes”, “14 days”."""
    if seconds > _MILLISECONDS:
        return "thousands of years"
    span = timedelta(seconds=max(1, seconds))
    hours, rest = divmod(span.seconds, 3600)
    amounts = (
        (span.days, "day"),
        (hours, "hour"),
        (rest // 60, "minute"),
        (rest % 60, "second"),
    )
    words = [f"{n} {unit}{'s' * (n != 1)}" for n, unit in amounts if n]
    return " ".join(words[:2])
