"""Pages on which nothing that is pasted is echoed, logged or reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db import OperationalError
from django.http import HttpResponseRedirect
from django.utils.translation import gettext_lazy as _

from django_layer_identity.exceptions import LayerIdentityError
from django_layer_identity.keys.pasted_forms import wrap_request

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

BUSY = _("The database is busy. Nothing was changed: try again.")


class DiscreetAdmin(admin.ModelAdmin):
    """
    Pages into which a private key may be pasted, rightly or by mistake.

    A form that was right until a moment ago is a message and no server error.
    """

    def changelist_view(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        wrap_request(request)
        return super().changelist_view(request, *args, **kwargs)

    def changeform_view(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        wrap_request(request)
        try:
            return super().changeform_view(request, *args, **kwargs)
        except LayerIdentityError as exc:
            self.message_user(request, str(exc), messages.ERROR)
        except OperationalError:
            self.message_user(request, BUSY, messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())
