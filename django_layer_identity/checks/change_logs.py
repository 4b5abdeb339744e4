"""Packages that keep copies of rows, ours among them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Warning
from django.utils.module_loading import import_string

from django_layer_identity.models import LayerUser, SigningKey

NO_SETTING = "remove what registers models of layer_identity with it"

#: App -> whether it copies the rows of a model, and how to stop that.
CHANGE_LOGS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "auditlog": (
        lambda model: import_string("auditlog.registry.auditlog").contains(model),
        'AUDITLOG_EXCLUDE_TRACKING_MODELS = ["layer_identity"]',
    ),
    "easyaudit": (
        lambda model: (
            import_string("easyaudit.settings.WATCH_MODEL_EVENTS")
            and import_string("easyaudit.signals.model_signals.should_audit")(model())
        ),
        "DJANGO_EASY_AUDIT_UNREGISTERED_CLASSES_EXTRA = "
        '["layer_identity.SigningKey", "layer_identity.LayerUser"]',
    ),
    "import_export": (
        lambda model: hasattr(
            import_string("django.contrib.admin.site")._registry.get(model),
            "resource_classes",
        ),
        NO_SETTING,
    ),
    "pghistory": (
        lambda model: any(
            getattr(one, "pgh_tracked_model", None) is model
            for one in apps.get_models()
        ),
        NO_SETTING,
    ),
    "reversion": (
        lambda model: import_string("reversion.is_registered")(model),
        NO_SETTING,
    ),
    "simple_history": (
        lambda model: hasattr(model._meta, "simple_history_manager_attribute"),
        NO_SETTING,
    ),
}


def _copies() -> Iterator[CheckMessage]:
    remedies = {
        name: remedy
        for name, (copies, remedy) in CHANGE_LOGS.items()
        if apps.is_installed(name) and any(map(copies, (SigningKey, LayerUser)))
    }
    if remedies:
        yield Warning(
            "Encrypted private keys and the Layer user IDs of deleted users are "
            f"copied by: {', '.join(remedies)}.",
            hint="; ".join(f"{name}: {remedy}" for name, remedy in remedies.items()),
            id="layer_identity.W051",
        )


RULES = (_copies,)
