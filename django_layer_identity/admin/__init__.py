"""Pages for staff: they present and call; what is allowed the models decide."""

from __future__ import annotations

from django_layer_identity.admin import layer_apps, layer_users, signing_keys

__all__ = ["layer_apps", "layer_users", "signing_keys"]
