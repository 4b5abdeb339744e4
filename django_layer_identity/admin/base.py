"""Pages that show and report no private key, wherever it is pasted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db import OperationalError
from django.http import HttpResponseRedirect
from django.utils.translation import gettext_lazy as _

from django_layer_identity.admin.inputs import refuse_search, wrap_first
from django_layer_identity.exceptions import LayerIdentityError
from django_layer_identity.models.locking import lost_race

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

BUSY = _("The database is busy. Nothing was changed: try again.")


class DiscreetAdmin(admin.ModelAdmin):
    """
    Pages into which a private key may be pasted, rightly or by mistake.

    A form that was right until a moment ago is a message and no server error.
    """

    @property
    def urls(self) -> list[Any]:
        """Wrap private keys before any page looks at what is posted."""
        return wrap_first(self.get_urls())

    def changelist_view(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        refused = refuse_search(request)
        return refused or super().changelist_view(request, *args, **kwargs)

    def changeform_view(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except (LayerIdentityError, OperationalError) as exc:
            # A page that cannot be shown would only lead to itself.
            if request.method != "POST" or not _is_told(exc):
                raise
            told = exc if isinstance(exc, LayerIdentityError) else BUSY
            self.message_user(request, str(told), messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())


class ReadOnlyAdmin(DiscreetAdmin):
    """Pages that show what is stored, and never change it."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


def _is_told(exc: LayerIdentityError | OperationalError) -> bool:
    return isinstance(exc, LayerIdentityError) or lost_race(exc)
