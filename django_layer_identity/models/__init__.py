"""What is stored: Layer apps, their signing keys, and nonces that were spent."""

from __future__ import annotations

from django_layer_identity.models.app import LayerApp
from django_layer_identity.models.key import SigningKey
from django_layer_identity.models.nonce import SpentNonce

__all__ = ["LayerApp", "SigningKey", "SpentNonce"]
