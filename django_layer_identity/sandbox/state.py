"""
What the sandbox remembers: nonces, sessions and identities, in the default cache.

The cache is enough, as nothing here outlives development; ``LocMemCache`` serves one
process, any shared cache serves several.
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
    """Who is signed in to which Layer app."""

    app_id: str
    user_id: str


def create_nonce() -> str:
    """Return a new nonce, to be used once within :data:`NONCE_LIFETIME`."""
    nonce = _random_nonce()
    cache.set(_key("nonce", nonce), True, NONCE_LIFETIME.total_seconds())
    return nonce


def spend_nonce(nonce: str) -> bool:
    """Use up the nonce; tell whether it was there to be used."""
    key = _key("nonce", nonce)
    # Some backends delete what has expired and say that it was there: only reading
    # heeds the time. Only deleting is atomic: of two requests, one is told True.
    return cache.get(key) is not None and cache.delete(key)


def _random_nonce() -> str:
    """
    Return 64 random bytes in standard base64, as Layer's nonces are.

    About half of them lack a ``+`` or a ``/``. Those are thrown away, so that a
    client that mangles either fails in development, and always.
    """
    while True:
        nonce = base64.b64encode(secrets.token_bytes(64)).decode("ascii")
        if "+" in nonce and "/" in nonce:
            return nonce


def create_session(session: Session) -> str:
    """Return a new session token; safe in a URL, where the SDKs put it unencoded."""
    token = secrets.token_urlsafe(32)
    timeout = SESSION_LIFETIME.total_seconds()
    cache.set(_key("session", token), astuple(session), timeout)
    return token


def find_session(token: str) -> Session | None:
    """Return the session if the token opened one that has not ended."""
    stored = cache.get(_key("session", token))
    return None if stored is None else Session(*stored)


def end_session(token: str) -> None:
    """End the session; where there is none, all is well already."""
    cache.delete(_key("session", token))


def keep_identity(session: Session, profile: Mapping[str, str]) -> None:
    """Create or update the identity of the session's user."""
    key = _key("identity", session.app_id, session.user_id)
    cache.set(key, dict(profile), SESSION_LIFETIME.total_seconds())


def find_identity(app_id: str, user_id: str) -> dict[str, str] | None:
    """Return the profile claims of the app's user, or None if there is no such user."""
    profile: dict[str, str] | None = cache.get(_key("identity", app_id, user_id))
    return profile


def _key(kind: str, *names: str) -> str:
    """Hash what strangers send, so that it breaks no backend's rules for keys."""
    digest = hashlib.sha256(json.dumps(names).encode("ascii")).hexdigest()
    return f"layer_identity_sandbox:{kind}:{digest}"
