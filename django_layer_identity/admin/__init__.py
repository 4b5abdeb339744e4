"""Pages for staff. They call model methods; the models decide what is allowed."""

from __future__ import annotations

from django.apps import apps as installed_apps

from django_layer_identity.admin import apps, keys, users

__all__ = ["apps", "keys", "users"]

if installed_apps.is_installed("django_layer_identity.audit"):  # pragma: no branch
    from django_layer_identity.admin import audit  # noqa: F401
