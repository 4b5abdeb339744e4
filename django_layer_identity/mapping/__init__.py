"""Map a Django user to a Layer user ID and profile claims."""

from __future__ import annotations

from django_layer_identity.mapping.sources import MappingContext

__all__ = ["MappingContext"]
