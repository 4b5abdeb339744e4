"""What all pages have in common: refusals are messages, and searches hold no key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db import OperationalError
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from django_layer_identity.exceptions import LayerIdentityError
from django_layer_identity.keys.reading import BEGIN
from django_layer_identity.keys.secrets import hide_locals
from django_layer_identity.models.locking import is_retryable

if TYPE_CHECKING:
    from django.db.models import Model
    from django.http import HttpRequest, HttpResponse

MAX_SEARCH_LENGTH = 200  # characters; a private key has more
SEARCHED = _(
    "This search was not run: it is longer than 200 characters or holds a private key. "
    "If it was a private key, the key is in the server's access log now: treat it as "
    "disclosed and revoke it."
)
BUSY = _("The database is busy. Nothing was changed: try again.")


class LayerModelAdmin(admin.ModelAdmin):
    """Pages that answer a refusal, or a lost race, with a message."""

    class Media:
        css = {"all": ("layer_identity/admin.css",)}

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
            is_expected = isinstance(exc, LayerIdentityError) or is_retryable(exc)
            # A page that cannot be shown would only lead to itself.
            if request.method != "POST" or not is_expected:
                raise
            self.message_user(request, error_message(exc), messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())

    def render(
        self, request: HttpRequest, template: str, **context: Any
    ) -> TemplateResponse:
        """Show a page of our own with what Django gives to the admin's other pages."""
        request.current_app = self.admin_site.name
        shared = self.admin_site.each_context(request)
        context = {**shared, "media": self.media, "opts": self.opts, **context}
        return TemplateResponse(request, template, context)

    def redirect_to_page_of(self, obj: Model) -> HttpResponseRedirect:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        site = self.admin_site.name
        return HttpResponseRedirect(reverse(name, args=[obj.pk], current_app=site))


class ReadOnly:
    """Pages and inlines that show what is stored, and never change it."""

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


def error_message(exc: LayerIdentityError | OperationalError) -> str:
    """Return what staff are told of an error after which nothing has changed."""
    return str(exc if isinstance(exc, LayerIdentityError) else BUSY)


def refuse_search(request: HttpRequest) -> HttpResponse | None:
    """Return a redirect to the list if what is searched for may be a private key."""
    # No variable here holds the term: error reports would show it.
    if not _may_be_key(request.GET.get("q", "")):
        return None
    _remove_search(request)
    messages.error(request, SEARCHED)
    return HttpResponseRedirect(request.get_full_path())


def _may_be_key(term: str) -> bool:
    return len(term) > MAX_SEARCH_LENGTH or BEGIN in term


@hide_locals
def _remove_search(request: HttpRequest) -> None:
    """Remove the term from the request, all of which error reports show."""
    query: Any = request.GET.copy()
    del query["q"]
    request.GET = query
    asked, kept = request.META["QUERY_STRING"], query.urlencode()
    for name, value in request.META.items():
        if isinstance(value, str):  # servers have copies: RAW_URI, REQUEST_URI
            request.META[name] = value.replace(asked, kept)
    getattr(request, "scope", {})["query_string"] = kept.encode()  # ASGI's copy
