"""Pages on which nothing that is pasted is echoed, logged or reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin

from django_layer_identity.keys.pasted_forms import wrap_request

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


class DiscreetAdmin(admin.ModelAdmin):
    """Pages into which a private key may be pasted, rightly or by mistake."""

    def changelist_view(self, request: HttpRequest, *args: Any) -> HttpResponse:
        wrap_request(request)
        return super().changelist_view(request, *args)

    def changeform_view(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        wrap_request(request)
        return super().changeform_view(request, *args, **kwargs)
