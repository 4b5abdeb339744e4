"""The audit trail's app configuration."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LayerIdentityAuditConfig(AppConfig):
    """Connect the signals that are recorded."""

    name = "django_layer_identity.audit"
    label = "layer_identity_audit"
    verbose_name = _("Layer audit trail")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django_layer_identity.audit import recording

        recording.connect()
