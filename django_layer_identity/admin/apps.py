"""Layer apps in the admin, each with its keys."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db import router
from django.db.models import Prefetch
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from django_layer_identity.admin.base import (
    LayerModelAdmin,
    ReadOnly,
    matching_apps,
)
from django_layer_identity.admin.display import (
    IMPORT_AGAIN,
    NEXT_STEPS,
    REMEDY,
    State,
    active_key_state,
    lifetime_with_unit,
    service,
    short_fingerprint,
    state,
)
from django_layer_identity.admin.forms import LayerAppForm
from django_layer_identity.admin.tokens import TokenPages
from django_layer_identity.models import LayerApp, SigningKey
from django_layer_identity.models.app import FROZEN_IDS

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
    from django.utils.functional import _StrPromise
    from django.utils.safestring import SafeString

DISABLE = "admin/layer_identity/layerapp/disable_confirmation.html"
CONFIRMED = "confirm_disable"  # posted by the confirmation page


class SigningKeyInline(ReadOnly, admin.TabularInline):
    """List an app's keys with links to their pages, where they can be changed."""

    model = SigningKey
    fk_name = "app"
    fields: ClassVar[Any] = (state, short_fingerprint, "created_at", "activated_at")
    readonly_fields: ClassVar[Any] = fields
    extra = 0
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        using = router.db_for_write(SigningKey)
        return super().get_queryset(request).using(using)


@admin.register(LayerApp)
class LayerAppAdmin(TokenPages, LayerModelAdmin):
    form = LayerAppForm
    list_display = ("name", "app_id", "environment", "enabled")
    ordering = ("name", "pk")
    list_filter = ("environment", "enabled")
    search_fields = ("name",)  # shows the search box; get_search_results() searches
    search_help_text = _("Enter a part of the name, or a complete app ID.")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        keys = SigningKey.objects.using(router.db_for_write(SigningKey))
        return super().get_queryset(request).prefetch_related(Prefetch("keys", keys))

    def get_list_display(self, request: HttpRequest) -> Any:
        """Add the state of the signing key, and a link that helps if none is usable."""

        @admin.display(description=_("signing key"))
        def active_key(app: LayerApp) -> SafeString:
            key_state = active_key_state(app, _active_key_of(app))
            return format_html("{} {}", key_state, self._next_step(request, app))

        name, *others = super().get_list_display(request)
        return [name, active_key, *others]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Propose two new IDs: Layer's dashboard, which assigned them, is closed."""
        initial = {"app_id": uuid4(), "provider_id": uuid4()}
        return {**initial, **super().get_changeform_initial_data(request)}

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

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        return queryset.filter(matching_apps(search_term.strip())), False

    def get_inlines(self, request: HttpRequest, obj: LayerApp | None) -> list[type]:
        return [SigningKeyInline] if obj else []

    def has_delete_permission(
        self, request: HttpRequest, obj: LayerApp | None = None
    ) -> bool:
        """Offer no Delete button for an app that its keys or Layer users protect."""
        is_protected = obj is not None and obj.is_protected
        return super().has_delete_permission(request, obj) and not is_protected

    def changeform_response(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kw: Any
    ) -> HttpResponse:
        """Ask for confirmation first if the form disables an app with an active key."""
        app = None
        if object_id and request.method == "POST" and CONFIRMED not in request.POST:
            app = self.get_object(request, unquote(object_id))
        name = str(app)  # before the form changes it
        if app is None or not self._is_disabling(request, app):
            return super().changeform_response(request, object_id, *args, **kw)
        return self.render(
            request,
            DISABLE,
            title=_("Disable Layer app"),
            app=name,
            object_pk=app.pk,
            confirmed=CONFIRMED,
            posted=request.POST.lists(),
        )

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Say at the top of the page if the app's users get no tokens, and what helps."""
        app = kwargs.get("obj")
        if app and request.method != "POST":  # a refused form has changed the object
            active = _active_key_of(app)
            if not (app.enabled and _is_usable(active)):
                is_lost = app.enabled and active
                parts = [service(app, active), *([REMEDY] if is_lost else [])]
                link = self._next_step(request, app)
                message = format_html("{} {}", " ".join(map(str, parts)), link)
                level = messages.ERROR if is_lost else messages.WARNING
                self.message_user(request, message, level)
        if key_admin := self._key_admin():
            context["may_add_key"] = key_admin.has_add_permission(request)
        return super().render_change_form(request, context, *args, **kwargs)

    def response_add(
        self, request: HttpRequest, obj: LayerApp, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Warn if the app is not the only one that is enabled."""
        response = super().response_add(request, obj, *args, **kwargs)
        if obj.enabled and (message := LayerApp.objects.several_enabled()):
            self.message_user(request, message, messages.WARNING)
        return response

    def response_post_save_add(
        self, request: HttpRequest, obj: LayerApp
    ) -> HttpResponseRedirect:
        """Redirect to the app's page, which offers the next step."""
        if self.has_view_or_change_permission(request, obj):
            return self.redirect_to_page_of(obj)
        return super().response_post_save_add(request, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Report what protects the selected apps, and not the missing permissions."""
        objects, count, lacking, protected = super().get_deleted_objects(objs, request)
        return objects, count, set() if protected else lacking, protected

    def _is_disabling(self, request: HttpRequest, app: LayerApp) -> bool:
        """Return whether the posted form is valid and disables an app with a key."""
        if not _active_key_of(app):
            return False
        # Staff who may only view the app get a form without fields.
        form = self.get_form(request, app, change=True)(request.POST, instance=app)
        return form.is_valid() and "enabled" in form.changed_data and not app.enabled

    def _key_admin(self) -> ModelAdmin | None:
        """Return the pages of signing keys, if this admin site has them."""
        site = self.admin_site
        has_keys = site.is_registered(SigningKey)
        return site.get_model_admin(SigningKey) if has_keys else None

    def _next_step(self, request: HttpRequest, app: LayerApp) -> SafeString | str:
        """Return the link that helps an app without a usable active key, if permitted."""
        active, key_admin = _active_key_of(app), self._key_admin()
        if key_admin is None or not app.enabled or _is_usable(active):
            return ""
        if not active and key_admin.has_view_or_change_permission(request):
            for key_state, permission, text in NEXT_STEPS:
                key = _key_in_state(app, key_state)
                if key and request.user.has_perm(f"layer_identity.{permission}"):
                    return self._link(text, "change", key.pk)
        if key_admin.has_add_permission(request):
            query = f"?app={app.pk}"
            if active:
                return self._link(IMPORT_AGAIN, "add", query=f"{query}&source=import")
            return self._link(_("Add a signing key"), "add", query=query)
        return ""

    def _link(
        self, text: _StrPromise, page: str, *args: int, query: str = ""
    ) -> SafeString:
        name = f"admin:layer_identity_signingkey_{page}"
        url = reverse(name, args=args, current_app=self.admin_site.name)
        return format_html(
            '<a href="{}{}" class="button layer-button">{}</a>', url, query, text
        )


def _active_key_of(app: LayerApp) -> SigningKey | None:
    """Return the active key, from the keys that get_queryset() has fetched."""
    return next((key for key in app.keys.all() if key.active_for_id), None)


def _is_usable(key: SigningKey | None) -> bool:
    return key is not None and not (key.lacks_encryption_key or key.destroyed_at)


def _key_in_state(app: LayerApp, key_state: State) -> SigningKey | None:
    """Return the newest key in this state that can become active, or None."""
    keys = [key for key in app.keys.all() if key.state == key_state and _is_usable(key)]
    return max(keys, key=attrgetter("pk"), default=None)
