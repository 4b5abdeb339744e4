"""What is stored: Layer apps and their signing keys."""

from __future__ import annotations

from django_layer_identity.models.app import LayerApp
from django_layer_identity.models.key import SigningKey

__all__ = ["LayerApp", "SigningKey"]
