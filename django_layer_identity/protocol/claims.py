"""The claims of an identity token, as an immutable value that Layer would accept."""

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
MAX_NONCE_LENGTH = 1024  # characters; ours, as Layer names none and sends 88
MAX_LIFETIME = timedelta(hours=24)  # ours: Layer needs a token once, within minutes
MAX_CLOCK_SKEW = timedelta(minutes=5)  # ours: more is a clock to repair

#: The profile claims that Layer documents for tokens, with their longest length in
#: characters (Layer's Identity object; none is stated for ``public_key``).
PROFILE_CLAIMS: Mapping[str, int | None] = {
    "display_name": 128,
    "first_name": 128,
    "last_name": 128,
    "avatar_url": 1024,
    "public_key": None,
}
#: Those that Layer's Server API documents, and no source for tokens.
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
    """Tell whether the text has control characters or lone surrogates."""
    return any(unicodedata.category(character) in ("Cc", "Cs") for character in text)


def check_nonce(nonce: object) -> str:
    """
    Return the nonce, byte for byte as it came: to us it is opaque.

    :raises NonceMissing: if it is None or empty.
    :raises NonceInvalid: if it is no string, too long or has control characters.
    """
    if nonce is None or nonce == "":
        raise NonceMissing
    if not isinstance(nonce, str):
        raise NonceInvalid("The nonce is a string.")
    if len(nonce) > MAX_NONCE_LENGTH:
        raise NonceInvalid(f"A nonce has at most {MAX_NONCE_LENGTH} characters.")
    if has_unprintable(nonce):
        raise NonceInvalid("A nonce has no control characters.")
    if not nonce.strip():
        raise NonceInvalid("A nonce is more than white space.")
    return nonce


def check_user_id(user_id: object, *, max_length: int = MAX_USER_ID_LENGTH) -> str:
    """
    Return the Layer user ID if Layer can tell people apart by it.

    :raises InvalidClaims: if it is no string, blank, over ``max_length`` characters,
        has control characters, or is ``"None"``, a missing value made into text.
    """
    if not isinstance(user_id, str):
        raise InvalidClaims("A Layer user ID is a string.")
    if not user_id.strip():
        raise InvalidClaims("A Layer user ID is not blank.")
    if user_id == "None":
        raise InvalidClaims('"None" is a missing value, not a Layer user ID.')
    if len(user_id) > max_length:
        raise InvalidClaims(f"A Layer user ID has at most {max_length} characters.")
    if has_unprintable(user_id):
        raise InvalidClaims("A Layer user ID has no control characters.")
    return user_id


def check_profile_claim(name: str, value: object) -> None:
    """
    Let in what Layer takes as that claim.

    :raises InvalidClaims: for everything else; the value is not in its message.
    """
    if name not in CLAIM_LIMITS:
        raise InvalidClaims(f"{name!r} is not a profile claim that Layer knows.")
    if name == "metadata":
        return _check_metadata(value)
    if not isinstance(value, str) or not value:
        raise InvalidClaims(f"The claim {name!r} is a string and not empty.")
    limit = CLAIM_LIMITS[name]
    if limit is not None and len(value) > limit:
        raise InvalidClaims(f"The claim {name!r} has at most {limit} characters.")
    if name == "identity_type" and value not in IDENTITY_TYPES:
        raise InvalidClaims(f"The claim {name!r} is “user” or “bot”.")
    return None


def _check_metadata(value: object) -> None:
    if not isinstance(value, Mapping) or not value:
        raise InvalidClaims("The claim 'metadata' is an object and not empty.")
    if len(value) > MAX_METADATA_KEYS:
        raise InvalidClaims(
            f"The claim 'metadata' has at most {MAX_METADATA_KEYS} keys."
        )
    if not all(isinstance(one, str) for pair in value.items() for one in pair):
        raise InvalidClaims("The claim 'metadata' has strings alone, and no levels.")


@dataclass(frozen=True)
class IdentityClaims:
    """
    Who the user is, for whom, and for how long.

    Times are aware datetimes and become whole Unix seconds, as Layer asks; the
    lifetime is positive and at most :data:`MAX_LIFETIME`, skew apart.

    :raises InvalidClaims: if a value breaks a rule of Layer's or of ours.
    :raises NonceMissing, NonceInvalid: if the nonce cannot be one of Layer's.
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
            raise InvalidClaims("Times are aware datetimes.")
        lifetime = self.expires_at - self.issued_at
        if not timedelta(0) < lifetime <= MAX_LIFETIME + MAX_CLOCK_SKEW:
            raise InvalidClaims(
                "The token lifetime must be more than zero and at most 24 hours."
            )
        object.__setattr__(self, "profile", MappingProxyType(dict(self.profile)))

    def as_payload(self) -> dict[str, Any]:
        """Return the claims as Layer names them; times in Unix seconds."""
        return {
            **self.profile,  # first, so that it can never replace a reserved claim
            "iss": str(self.provider_id),
            "prn": self.user_id,
            "iat": int(self.issued_at.timestamp()),
            "exp": int(self.expires_at.timestamp()),
            "nce": self.nonce,
        }
