"""Layer's identity object (client API, "Identity")."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from django_layer_identity.protocol.claims import PROFILE_CLAIMS


def encode_user_id(user_id: str) -> str:
    """
    Percent-encode the user ID for a path, as Layer's web SDK does.

    The SDK compares the results, so it matters that ``~`` is encoded and ``*`` is not.
    """
    return quote(user_id, safe="*").replace("~", "%7E")


def describe_identity(
    user_id: str, profile: Mapping[str, str], *, root_url: str
) -> dict[str, object]:
    """
    Return the full identity.

    ``metadata`` is there even when empty: without it, the web SDK takes the identity
    for a basic one and drops the rest. Clients differ in what they call the type.
    """
    encoded = encode_user_id(user_id)
    return {
        "id": f"layer:///identities/{encoded}",
        "url": f"{root_url}identities/{encoded}",
        "user_id": user_id,
        "type": "user",
        "identity_type": "user",
        "phone_number": None,
        "email_address": None,
        "metadata": {},
        **{name: profile.get(name) for name in PROFILE_CLAIMS},
    }
