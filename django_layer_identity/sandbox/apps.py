"""The sandbox's app configuration."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LayerIdentitySandboxConfig(AppConfig):
    name = "django_layer_identity.sandbox"
    label = "layer_identity_sandbox"
    verbose_name = _("Layer sandbox")
