"""
Store the sandbox's nonces, sessions and identities in the default cache.

A cache is enough, because development data need not last. ``LocMemCache`` works for one
process. Several processes need a shared cache.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from datetime import timedelta

from django.core.cache import cache

NONCE_LIFETIME = timedelta(minutes=10)  # Layer's authentication guides
SESSION_LIFETIME = timedelta(days=30)  # how long Layer's web SDK keeps its copy


@dataclass(frozen=True)
class Session:
    """A user who is signed in to a Layer app."""

    app_id: str
    user_id: str


def create_nonce() -> str:
    """Return a new nonce. It can be used once, within :data:`NONCE_LIFETIME`."""
    nonce = random_nonce()
    cache.set(_key("nonce", nonce), True, NONCE_LIFETIME.total_seconds())
    return nonce


def has_nonce(nonce: str) -> bool:
    """Return whether the nonce is unused and not expired."""
    return cache.get(_key("nonce", nonce)) is not None


def use_nonce(nonce: str) -> bool:
    """Use up the nonce, and return whether it was unused and not expired."""
    # Some backends return True when they delete an expired entry, so read first. Only
    # deleting is atomic: of two requests, one gets True.
    return has_nonce(nonce) and cache.delete(_key("nonce", nonce))


def random_nonce() -> str:
    """
    Return 64 random bytes in standard base64, as Layer's nonces are.

    About half of such texts lack a ``+`` or a ``/``. They are discarded, so that a client
    that mangles one of these characters always fails, already in development.
    """
    while True:
        nonce = base64.b64encode(secrets.token_bytes(64)).decode("ascii")
        if "+" in nonce and "/" in nonce:
            return nonce


def create_session(session: Session) -> str:
    """Return a new session token. It is safe in URLs: SDKs do not encode it there."""
    token = secrets.token_urlsafe(32)
    timeout = SESSION_LIFETIME.total_seconds()
    cache.set(_key("session", token), astuple(session), timeout)
    return token


def find_session(token: str) -> Session | None:
    """Return the session of the token, or None if it does not exist or has ended."""
    stored = cache.get(_key("session", token))
    return None if stored is None else Session(*stored)


def end_session(token: str) -> None:
    """End the session. A session that does not exist is not an error."""
    cache.delete(_key("session", token))


def store_identity(session: Session, profile: Mapping[str, str]) -> None:
    """Create or update the identity of the session's user."""
    key = _key("identity", session.app_id, session.user_id)
    cache.set(key, dict(profile), SESSION_LIFETIME.total_seconds())


def find_identity(app_id: str, user_id: str) -> dict[str, str] | None:
    """Return the profile claims of the app's user, or None if there is no such user."""
    profile: dict[str, str] | None = cache.get(_key("identity", app_id, user_id))
    return profile


def _key(kind: str, *names: str) -> str:
    """Return a cache key. Client data is hashed, so every backend accepts the key."""
    digest = hashlib.sha256(json.dumps(names).encode("ascii")).hexdigest()
    return f"layer_identity_sandbox:{kind}:{digest}"
