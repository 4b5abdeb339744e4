"""From a Django user to Layer's user ID and claims."""

from __future__ import annotations

from django_layer_identity.mapping.sources import MappingContext

__all__ = ["MappingContext"]
