"""
Validate identity tokens by the rules of Layer's own validator.

The first error that :mod:`~django_layer_identity.protocol.explain` finds is the reason
of the refusal. So the two cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from types import MappingProxyType
from typing import Any

from django_layer_identity.exceptions import InvalidToken
from django_layer_identity.protocol.explain import ERROR, Inspection
from django_layer_identity.protocol.identifiers import ProviderID
from django_layer_identity.protocol.known_keys import KnownKey, read_jwks

__all__ = ["KnownKey", "VerifiedIdentity", "accept", "verify_identity_token"]


@dataclass(frozen=True)
class VerifiedIdentity:
    """
    The content of a valid identity token; times are aware datetimes.

    ``claims`` has all claims of the token. Besides the five that Layer requires, use
    only those that you know.
    """

    user_id: str = field(repr=False)
    nonce: str = field(repr=False)
    issued_at: datetime
    expires_at: datetime
    claims: Mapping[str, Any] = field(repr=False)


def verify_identity_token(
    token: str,
    *,
    keys: Iterable[KnownKey] | Mapping[str, Any],
    provider_id: str,
    nonce: str | None = None,
    now: datetime | None = None,
) -> VerifiedIdentity:
    """
    Return the content of the token, if it is valid: be your own Layer.

    A token is valid for one login. With ``nonce``, any other nonce is refused. Without
    it, the caller must check that ``nonce`` of the result is one that it gave out, and
    must spend it, exactly once, before it opens a session.

    :param keys: the keys to trust: known keys, or a JWK set as ``jwks.json`` has it.
    :param provider_id: the provider ID of your app, which the claim ``iss`` must have.
    :param now: an aware datetime; None means the present. There is no tolerance.
    :raises InvalidToken: with Layer's code and a message that says what to do. It
        contains neither the token nor the nonce.
    :raises InvalidIdentifier: if ``provider_id`` is not a provider ID.
    :raises InvalidKey: if ``keys`` is a mapping, but not a JWK set.
    """
    known = read_jwks(keys) if isinstance(keys, Mapping) else keys
    provider = ProviderID.parse(provider_id)
    return accept(
        Inspection(token, keys=tuple(known), provider=provider, nonce=nonce, now=now)
    )


def accept(inspection: Inspection) -> VerifiedIdentity:
    """
    Return the content of the inspected token.

    :raises InvalidToken: with its first error.
    """
    for finding in inspection.run():
        if finding.severity == ERROR:
            raise InvalidToken(finding.code, f"{finding.message} {finding.hint}")
    if not inspection.is_verified:  # whatever the findings say
        raise InvalidToken(
            "eit_signature_verification_failed", "The signature was not verified."
        )
    claims: dict[str, Any] = inspection.claims or {}  # without an error it is complete
    return VerifiedIdentity(
        user_id=claims["prn"],
        nonce=claims["nce"],
        issued_at=datetime.fromtimestamp(claims["iat"], tz=timezone.utc),
        expires_at=datetime.fromtimestamp(claims["exp"], tz=timezone.utc),
        claims=MappingProxyType(claims),
    )
