"""Base classes of the admin pages: they report errors and refuse unsafe searches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db import OperationalError, router
from django.db.models import Q
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from django_layer_identity.exceptions import InvalidIdentifier, LayerIdentityError
from django_layer_identity.keys.reading import BEGIN
from django_layer_identity.keys.secrets import hide_locals
from django_layer_identity.models import LayerApp
from django_layer_identity.models.locking import is_retryable
from django_layer_identity.protocol.identifiers import AppID

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet
    from django.http import HttpRequest, HttpResponse

MAX_SEARCH_LENGTH = 200  # characters; a private key is longer
SEARCH_REFUSED = _(
    "The search was not run: its text is longer than 200 characters or contains a private "
    "key. If you pasted a private key, the server's access log now contains it. Treat the "
    "key as disclosed, and revoke it."
)
BUSY = _("The database is busy, so nothing was changed. Try again.")


class LayerModelAdmin(admin.ModelAdmin):
    """Refuse unsafe searches; show expected errors and a busy database as messages."""

    class Media:
        css = {"all": ("layer_identity/admin.css",)}

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """Read where actions and forms write: a replica may lag behind."""
        using = router.db_for_write(self.model)
        return super().get_queryset(request).using(using)

    def changelist_view(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        redirect = refuse_search(request)
        return redirect or super().changelist_view(request, *args, **kwargs)

    def changeform_view(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        try:
            return self.changeform_response(request, *args, **kwargs)
        except (LayerIdentityError, OperationalError) as exc:
            is_expected = isinstance(exc, LayerIdentityError) or is_retryable(exc)
            # For a GET request, a redirect to the same page would loop.
            if request.method != "POST" or not is_expected:
                raise
            self.message_user(request, error_message(exc), messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())

    def changeform_response(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Do the work of changeform_view(), which turns its errors into messages."""
        return super().changeform_view(request, *args, **kwargs)

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Offer the choices that were written: a replica may lag behind."""
        kwargs["using"] = router.db_for_write(db_field.remote_field.model)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def render(
        self, request: HttpRequest, template: str, **context: Any
    ) -> TemplateResponse:
        """Render a page of our own with the context of Django's admin pages."""
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            "media": self.media,
            "opts": self.opts,
            **context,
        }
        return TemplateResponse(request, template, context)

    def redirect_to_page_of(self, obj: Model) -> HttpResponseRedirect:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        site = self.admin_site.name
        return HttpResponseRedirect(reverse(name, args=[obj.pk], current_app=site))


class AppFilter(admin.RelatedFieldListFilter):
    """Offer the apps that were written: a replica may lag behind."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        apps = LayerApp.objects.using(router.db_for_write(LayerApp))
        return list(apps.order_by("name", "pk").values_list("pk", "name"))


class ReadOnly:
    """Make a page or an inline read-only."""

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


def error_message(exc: LayerIdentityError | OperationalError) -> str:
    """Return the message of an expected error, or ``BUSY`` for a database error."""
    return str(exc if isinstance(exc, LayerIdentityError) else BUSY)


def matching_apps(text: str, prefix: str = "", name: str = "name__icontains") -> Q:
    """
    Return the condition of a search for apps.

    :param text: an app ID in any accepted form, or the name as ``name`` compares it.
    :param prefix: the path to the app, for example ``app__``.
    """
    found = Q(**{prefix + name: text})
    try:
        app_id = AppID.parse(text)
    except InvalidIdentifier:
        return found
    is_app = Q(**{f"{prefix}app_id": app_id.uuid})
    if app_id.environment:
        is_app &= Q(**{f"{prefix}environment": app_id.environment})
    return found | is_app


def refuse_search(request: HttpRequest) -> HttpResponse | None:
    """Return a redirect to the list if the search text may be a private key."""
    # Keep the text out of local variables, because error reports show them.
    if not _may_be_key(request.GET.get("q", "")):
        return None
    _remove_search(request)
    messages.error(request, SEARCH_REFUSED)
    return HttpResponseRedirect(request.get_full_path())


def _may_be_key(text: str) -> bool:
    return len(text) > MAX_SEARCH_LENGTH or BEGIN in text


@hide_locals
def _remove_search(request: HttpRequest) -> None:
    """Remove the search text, because error reports show the complete request."""
    query: Any = request.GET.copy()
    del query["q"]
    request.GET = query
    old, new = request.META["QUERY_STRING"], query.urlencode()
    for name, value in request.META.items():
        if isinstance(value, str):  # some servers add copies: RAW_URI, REQUEST_URI
            request.META[name] = value.replace(old, new)
    getattr(request, "scope", {})["query_string"] = new.encode()  # the copy of ASGI
