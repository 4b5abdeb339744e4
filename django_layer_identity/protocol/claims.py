"""The claims of an identity token, as an immutable object that Layer accepts."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from django_layer_identity.exceptions import InvalidClaims, NonceInvalid, NonceMissing
from django_layer_identity.protocol.identifiers import ProviderID

MAX_USER_ID_LENGTH = 128  # characters; Layer's Identity object, ``user_id``
MAX_NONCE_LENGTH = 1024  # characters; our limit: Layer documents none and sends 88
MIN_LIFETIME = timedelta(seconds=30)  # our limit: a phone needs time to pass a token on
MAX_LIFETIME = timedelta(hours=24)  # our limit: Layer needs a token once, in minutes
MAX_CLOCK_SKEW = timedelta(minutes=5)  # our limit: correct the clock instead

#: The profile claims that Layer documents for tokens, with their maximum length in
#: characters (Layer's Identity object; it states no limit for ``public_key``).
PROFILE_CLAIMS: Mapping[str, int | None] = {
    "display_name": 128,
    "first_name": 128,
    "last_name": 128,
    "avatar_url": 1024,
    "public_key": None,
}
#: Claims that only Layer's Server API documents; no source documents them for tokens.
OPT_IN_CLAIMS: Mapping[str, int | None] = {
    "phone_number": 32,
    "email_address": 255,
    "identity_type": 4,
    "metadata": None,
}
CLAIM_LIMITS: Mapping[str, int | None] = {**PROFILE_CLAIMS, **OPT_IN_CLAIMS}
IDENTITY_TYPES = ("user", "bot")
MAX_METADATA_KEYS = 16

ProfileClaim = str | Mapping[str, str]  # metadata is the mapping
Profile = Mapping[str, ProfileClaim]
RESERVED_CLAIMS = frozenset({"iss", "prn", "iat", "exp", "nce"})


def has_unprintable(text: str) -> bool:
    """Return whether the text has control characters or lone surrogates."""
    if text.isprintable():  # most texts are, and this test is a hundred times faster
        return False
    return any(unicodedata.category(character) in ("Cc", "Cs") for character in text)


def check_nonce(nonce: object) -> str:
    """
    Return the nonce unchanged.

    :raises NonceMissing: if it is None or empty.
    :raises NonceInvalid: if it is not a string, is blank or too long, or has control
        characters.
    """
    if nonce is None or nonce == "":
        raise NonceMissing
    if not isinstance(nonce, str):
        raise NonceInvalid("The nonce must be a string.")
    if len(nonce) > MAX_NONCE_LENGTH:
        raise NonceInvalid(
            f"The nonce must have at most {MAX_NONCE_LENGTH} characters."
        )
    if has_unprintable(nonce):
        raise NonceInvalid("The nonce must not contain control characters.")
    if not nonce.strip():
        raise NonceInvalid("The nonce must not be blank.")
    return nonce


def check_user_id(user_id: object, *, max_length: int = MAX_USER_ID_LENGTH) -> str:
    """
    Return the Layer user ID unchanged.

    :raises InvalidClaims: if it is not a string, is blank, has control characters, is
        longer than ``max_length`` characters, or is ``"None"``. ``"None"`` is a missing
        value converted to text, and several users would share it.
    """
    if not isinstance(user_id, str):
        raise InvalidClaims("A Layer user ID must be a string.")
    if not user_id.strip():
        raise InvalidClaims("A Layer user ID must not be blank.")
    if user_id == "None":
        raise InvalidClaims('"None" is a missing value, not a Layer user ID.')
    if len(user_id) > max_length:
        raise InvalidClaims(
            f"A Layer user ID must have at most {max_length} characters."
        )
    if has_unprintable(user_id):
        raise InvalidClaims("A Layer user ID must not contain control characters.")
    return user_id


def check_lifetime(lifetime: timedelta) -> timedelta:
    """
    Return the lifetime of a token unchanged.

    :raises InvalidClaims: if it is less than :data:`MIN_LIFETIME` or more than
        :data:`MAX_LIFETIME`.
    """
    if lifetime < MIN_LIFETIME:
        raise InvalidClaims("A token must live at least 30 seconds.")
    if lifetime > MAX_LIFETIME:
        raise InvalidClaims("A token must live at most 24 hours.")
    return lifetime


def check_profile_claim(name: str, value: object) -> None:
    """
    Check that Layer accepts the value for this claim.

    :raises InvalidClaims: if it does not. The message never contains the value.
    """
    if name not in CLAIM_LIMITS:
        raise InvalidClaims(f"Layer does not know the profile claim {name!r}.")
    if name == "metadata":
        return _check_metadata(value)
    if not isinstance(value, str) or not value:
        raise InvalidClaims(f"The claim {name!r} must be a non-empty string.")
    limit = CLAIM_LIMITS[name]
    if limit is not None and len(value) > limit:
        raise InvalidClaims(f"The claim {name!r} must have at most {limit} characters.")
    if name == "identity_type" and value not in IDENTITY_TYPES:
        raise InvalidClaims(f"The claim {name!r} must be “user” or “bot”.")
    return None


def _check_metadata(value: object) -> None:
    if not isinstance(value, Mapping) or not value:
        raise InvalidClaims("The claim 'metadata' must be a non-empty mapping.")
    if len(value) > MAX_METADATA_KEYS:
        raise InvalidClaims(
            f"The claim 'metadata' must have at most {MAX_METADATA_KEYS} keys."
        )
    if not all(isinstance(text, str) for pair in value.items() for text in pair):
        raise InvalidClaims(
            "The claim 'metadata' must map strings to strings, without nesting."
        )


@dataclass(frozen=True)
class IdentityClaims:
    """
    The claims of one identity token.

    Times are aware datetimes. The payload has them as whole Unix seconds, which Layer
    requires. The lifetime is positive and at most :data:`MAX_LIFETIME` plus
    :data:`MAX_CLOCK_SKEW`.

    :raises InvalidClaims: if a value breaks one of Layer's rules or our limits.
    :raises NonceMissing, NonceInvalid: if the nonce cannot be from Layer.
    """

    provider_id: ProviderID
    user_id: str = field(repr=False)
    nonce: str = field(repr=False)
    issued_at: datetime
    expires_at: datetime
    profile: Profile = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        check_user_id(self.user_id)
        check_nonce(self.nonce)
        for name, value in self.profile.items():
            check_profile_claim(name, value)
        if self.issued_at.tzinfo is None or self.expires_at.tzinfo is None:
            raise InvalidClaims("issued_at and expires_at must be aware datetimes.")
        lifetime = self.expires_at - self.issued_at
        if not timedelta(0) < lifetime <= MAX_LIFETIME + MAX_CLOCK_SKEW:
            raise InvalidClaims(
                "expires_at must be after issued_at, by at most 24 hours and 5 minutes."
            )
        object.__setattr__(self, "profile", MappingProxyType(dict(self.profile)))

    def as_payload(self) -> dict[str, Any]:
        """Return the claims under Layer's names, with times in Unix seconds."""
        return {
            **self.profile,  # first, so that it cannot replace a reserved claim
            "iss": str(self.provider_id),
            "prn": self.user_id,
            "iat": int(self.issued_at.timestamp()),
            "exp": int(self.expires_at.timestamp()),
            "nce": self.nonce,
        }
