"""The public keys that a verifier knows, and which of them a token means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from jwt.algorithms import RSAAlgorithm
from jwt.api_jws import PyJWS
from jwt.exceptions import PyJWTError

from django_layer_identity.exceptions import InvalidKey
from django_layer_identity.protocol.identifiers import AppID, KeyID, ProviderID
from django_layer_identity.protocol.signing import ALGORITHM

RETIRED = "retired"
REVOKED = "revoked"  # Layer: the key was disabled in the dashboard
DELETED = "deleted"  # Layer: the key was removed from the dashboard
STATES = ("draft", "ready", "active", RETIRED, REVOKED, DELETED)


@dataclass(frozen=True)
class KnownKey:
    """
    A public key of a Layer app.

    :param key_id: its key ID in any accepted form; empty if it has none yet.
    :param public_key: an RSA public key as PEM (SubjectPublicKeyInfo).
    :param app_id: the app ID in any accepted form, or empty if it does not matter.
    :param provider_id: the provider ID, or empty if it does not matter.
    :param state: one of :data:`STATES`. Tokens of a ``"revoked"`` or ``"deleted"`` key are
        refused. Tokens of a ``"retired"`` key are valid until they expire.
    :raises InvalidIdentifier: if one of the IDs is malformed.
    :raises InvalidKey: if the public key is damaged or not an RSA key.
    :raises ValueError: if there is no such state.
    """

    key_id: str
    public_key: str
    app_id: str = ""
    provider_id: str = ""
    state: str = "active"
    _loaded: RSAPublicKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, kind in (
            ("key_id", KeyID),
            ("app_id", AppID),
            ("provider_id", ProviderID),
        ):
            if text := getattr(self, name):
                object.__setattr__(self, name, str(kind.parse(text)))
        if self.state not in STATES:
            raise ValueError(f"The state must be one of {', '.join(STATES)}.")
        object.__setattr__(self, "_loaded", load_public_key(self.public_key))

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle the key without the loaded one, which cannot be pickled."""
        values = (getattr(self, each.name) for each in fields(self) if each.init)
        return type(self), tuple(values)

    def __str__(self) -> str:
        return self.key_id or "a key without a key ID"

    def is_of_app(self, app_id: AppID) -> bool:
        """Return whether the key belongs to this app."""
        return bool(self.app_id) and AppID.parse(self.app_id).matches(app_id)

    def has_signed(self, token: str) -> bool:
        """Return whether the token has an RS256 signature of this key."""
        try:
            # Never use the header's algorithm: a client could then sign with the public
            # key as an HMAC secret, or send an unsigned token.
            PyJWS().decode(token, self._loaded, algorithms=[ALGORITHM])
        except PyJWTError:
            return False
        return True


def load_public_key(pem: str) -> RSAPublicKey:
    """
    Load an RSA public key.

    :raises InvalidKey: if it is not one in PEM format.
    """
    try:
        key = load_pem_public_key(pem.encode())
    except (AttributeError, ValueError, UnsupportedAlgorithm) as exc:
        raise InvalidKey("This is not a public key in PEM format.") from exc
    if not isinstance(key, RSAPublicKey):
        raise InvalidKey("This is not an RSA public key. Layer accepts only RSA keys.")
    return key


def read_jwks(jwks: Mapping[str, Any]) -> Iterator[KnownKey]:
    """
    Yield the keys of a JWK set, such as the content of ``jwks.json``.

    Keys that are not RSA signing keys with a Layer key ID are left out, as RFC 7517,
    section 5, recommends.

    :raises InvalidKey: if it is not a JWK set.
    """
    entries = jwks.get("keys")
    if not isinstance(entries, (list, tuple)):
        raise InvalidKey("This is not a JWK set: it has no list “keys”.")
    for jwk in entries:
        if not isinstance(jwk, Mapping):
            continue
        if jwk.get("kty") != "RSA" or jwk.get("use", "sig") != "sig":
            continue
        try:
            key_id = KeyID.parse(jwk.get("kid"))
            key = RSAAlgorithm.from_jwk(dict(jwk))
        except (PyJWTError, TypeError, ValueError):
            continue
        if isinstance(key, RSAPublicKey):  # a private key has no place in a JWK set
            pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            yield KnownKey(str(key_id), pem.decode("ascii"))


def find_key(
    keys: Iterable[KnownKey],
    key_id: KeyID,
    *,
    app: AppID | None,
    provider: ProviderID | None,
) -> KnownKey | None:
    """
    Return the key that a token's ``kid`` names, or None.

    Staging and production may share a key. Prefer the app's own key, then a key of the
    provider. Among equals prefer one that is refused, which is the safe choice.
    """
    return min(
        (key for key in keys if key.key_id == str(key_id)),
        key=lambda key: (
            app is not None and not key.is_of_app(app),
            provider is not None and key.provider_id not in ("", str(provider)),
            key.state not in (REVOKED, DELETED),
        ),
        default=None,
    )
