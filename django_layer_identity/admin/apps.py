"""Layer apps in the admin, each with its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin

from django_layer_identity.admin.base import LayerModelAdmin, ReadOnly
from django_layer_identity.admin.display import (
    active_key,
    lifetime_with_unit,
    short_fingerprint,
    state,
)
from django_layer_identity.admin.forms import LayerAppForm
from django_layer_identity.models import LayerApp, SigningKey
from django_layer_identity.models.app import FROZEN_IDS

if TYPE_CHECKING:
    from django.http import HttpRequest


class SigningKeyInline(ReadOnly, admin.TabularInline):
    """List an app's keys with links to their pages, where they can be changed."""

    model = SigningKey
    fk_name = "app"
    fields: ClassVar[Any] = (state, short_fingerprint, "created_at", "activated_at")
    readonly_fields: ClassVar[Any] = fields
    extra = 0
    show_change_link = True


@admin.register(LayerApp)
class LayerAppAdmin(LayerModelAdmin):
    form = LayerAppForm
    list_display = ("name", "app_id", "environment", "enabled", active_key)
    ordering = ("name", "pk")
    list_select_related = ("active_key",)
    search_fields = ("name",)

    def get_readonly_fields(
        self, request: HttpRequest, obj: LayerApp | None = None
    ) -> tuple[str, ...]:
        """Make the IDs read-only after the first activation of a key of the app."""
        return tuple(FROZEN_IDS) if obj and obj.frozen_at else ()

    def get_fields(self, request: HttpRequest, obj: LayerApp | None = None) -> Any:
        """Show the lifetime with its unit to staff who may only view."""
        fields = super().get_fields(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fields
        shown: dict[Any, Any] = {"token_lifetime": lifetime_with_unit}
        return [shown.get(name, name) for name in fields]

    def get_inlines(self, request: HttpRequest, obj: LayerApp | None) -> list[type]:
        return [SigningKeyInline] if obj else []

    def has_delete_permission(
        self, request: HttpRequest, obj: LayerApp | None = None
    ) -> bool:
        """Offer no Delete button for an app that its keys or Layer users protect."""
        is_protected = obj is not None and obj.is_protected
        return super().has_delete_permission(request, obj) and not is_protected

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Report what protects the selected apps, and not the missing permissions."""
        objects, count, lacking, protected = super().get_deleted_objects(objs, request)
        return objects, count, set() if protected else lacking, protected
