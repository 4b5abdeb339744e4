"""Digests under which personal or secret values are stored, counted and logged."""

from __future__ import annotations

import hashlib

from django.utils.crypto import salted_hmac
from django.views.decorators.debug import sensitive_variables


def user_id_digest(user_id: str) -> str:
    """Return the permanent digest of a Layer user ID: SHA-256 of UTF-8, 64 hex digits."""
    return hashlib.sha256(user_id.encode()).hexdigest()


@sensitive_variables()
def keyed_digest(kind: str, value: str) -> str:
    """
    Return an HMAC with ``SECRET_KEY`` (64 hex digits), so that guesses cannot be tested.

    :param kind: what the value is; equal values of two kinds have different digests.
    """
    salt = f"django_layer_identity.{kind}"
    return salted_hmac(salt, value, algorithm="sha256").hexdigest()


@sensitive_variables()
def nonce_digest(nonce: str) -> str:
    """Return the digest that stands for the nonce in logs, signals and storage."""
    return keyed_digest("nonce", nonce)
