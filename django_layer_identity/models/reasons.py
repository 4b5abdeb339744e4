"""Reasons that staff give for changes that cannot be undone."""

from __future__ import annotations

from django_layer_identity.exceptions import InvalidReason
from django_layer_identity.keys.reading import holds_key

MAX_REASON_LENGTH = 200  # characters


def clean_reason(reason: str) -> str:
    """
    Return the reason without surrounding white space.

    :raises InvalidReason: if it is empty, too long, or contains a private key.
    """
    reason = reason.strip()
    if not 1 <= len(reason) <= MAX_REASON_LENGTH:
        raise InvalidReason(f"Give a reason of 1 to {MAX_REASON_LENGTH} characters.")
    if holds_key(reason):
        raise InvalidReason("A reason must not contain a private key or a part of one.")
    return reason
