"""The Django app."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LayerIdentityConfig(AppConfig):
    """Registers the system checks, and nothing else."""

    name = "django_layer_identity"
    label = "layer_identity"
    verbose_name = _("Layer identity")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django_layer_identity import checks

        checks.register()
