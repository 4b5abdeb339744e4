"""Pages for staff: they present and call; what is allowed the models decide."""

from __future__ import annotations

from django_layer_identity.admin import apps, keys, users

__all__ = ["apps", "keys", "users"]
