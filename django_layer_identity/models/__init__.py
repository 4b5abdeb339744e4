"""What is stored: Layer apps, their keys, their users' IDs, and spent nonces."""

from __future__ import annotations

from django_layer_identity.models.app import LayerApp
from django_layer_identity.models.key import SigningKey
from django_layer_identity.models.nonce import SpentNonce
from django_layer_identity.models.user import LayerUser

__all__ = ["LayerApp", "LayerUser", "SigningKey", "SpentNonce"]
