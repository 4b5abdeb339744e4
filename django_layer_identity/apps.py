"""The Django app."""

from __future__ import annotations

from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _


class LayerIdentityConfig(AppConfig):
    """Registers the system checks and, for drf-spectacular, what describes the API."""

    name = "django_layer_identity"
    label = "layer_identity"
    verbose_name = _("Layer identity")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django_layer_identity import checks

        checks.register()
        if apps.is_installed("drf_spectacular"):
            from django_layer_identity.api import schema  # noqa: F401
