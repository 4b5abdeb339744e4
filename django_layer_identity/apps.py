"""The app's configuration."""

from __future__ import annotations

from django.apps import AppConfig, apps
from django.contrib.auth import get_user_model
from django.db.models.signals import pre_delete
from django.utils.translation import gettext_lazy as _


class LayerIdentityConfig(AppConfig):
    """
    Register the checks, the receiver for deleted users, and the OpenAPI extension.
    """

    name = "django_layer_identity"
    label = "layer_identity"
    verbose_name = _("Layer identity")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django_layer_identity import checks
        from django_layer_identity.models.user import lock_deleted_user

        checks.register()
        user_model = get_user_model()._meta.concrete_model
        for model in apps.get_models():  # a proxy model sends its own signals
            if model._meta.concrete_model is user_model:
                pre_delete.connect(lock_deleted_user, sender=model)
        if apps.is_installed("drf_spectacular"):
            from django_layer_identity.api import schema  # noqa: F401
