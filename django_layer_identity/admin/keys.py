"""Signing keys in the admin: the list, a guided page per key, the public key file."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import router
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from django_layer_identity.admin.base import AppFilter, LayerModelAdmin, matching_apps
from django_layer_identity.admin.display import (
    IMPORT_AGAIN,
    REMEDY,
    State,
    age,
    grouped_fingerprint,
    last_use,
    private_key_location,
    public_pem,
    service,
    state,
)
from django_layer_identity.admin.forms import KeyIDForm, NewSigningKeyForm, wrap_secrets
from django_layer_identity.admin.key_actions import ACTIONS, FROM_PAGE
from django_layer_identity.admin.key_guide import steps
from django_layer_identity.exceptions import InvalidIdentifier
from django_layer_identity.models import LayerApp, SigningKey
from django_layer_identity.protocol.identifiers import KeyID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from django.db.models import QuerySet
    from django.forms import ModelForm
    from django.http import HttpRequest, HttpResponseRedirect

PUBLIC_KEY_FIELDS = (grouped_fingerprint, public_pem)
KEY_FIELDS = ("app", "bits", private_key_location, age, last_use)
TIME_FIELDS = (
    "created_at",
    "tested_at",
    "activated_at",
    "retired_at",
    "revoked_at",
    "revocation_reason",
    "destroyed_at",
)
LOST = _(
    "The private key cannot be decrypted with the present KEY_ENCRYPTION_KEYS: this key "
    "cannot sign."
)
LOST_ACTIVE = _(
    "The private key cannot be decrypted with the present KEY_ENCRYPTION_KEYS: %(app)s's "
    "users get no identity tokens."
)


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[Any]:
        return State.choices

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        # An unknown value is not selected, and filters nothing.
        value = self.value()
        return queryset.in_state(value) if value in State.values else queryset


@admin.register(SigningKey)
class SigningKeyAdmin(LayerModelAdmin):
    actions = ACTIONS
    form = KeyIDForm
    add_form = NewSigningKeyForm
    # An allow-list, so that new model fields are not shown by default. The key ID is in
    # the guide above the fieldsets.
    fieldsets: ClassVar[Any] = [
        (_("Public key"), {"fields": PUBLIC_KEY_FIELDS}),
        (_("Key"), {"fields": KEY_FIELDS}),
    ]
    add_fieldsets = [(None, {"fields": NewSigningKeyForm.Meta.fields})]
    readonly_fields: ClassVar[Any] = (*PUBLIC_KEY_FIELDS, *KEY_FIELDS, *TIME_FIELDS)
    list_display: Any = ("__str__", state, "app", age, last_use, "activated_at")
    list_filter = (StateFilter, ("app", AppFilter))
    ordering = ("app__name", "-pk")
    search_fields = ("fingerprint",)  # shows the search box; the search is below
    search_help_text = _(
        "Enter a complete key ID or app ID, the first digits of a fingerprint, or a part "
        "of the name of a Layer app."
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """Read the app with the key: a replica may lag behind."""
        return super().get_queryset(request).select_related("app")

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_activate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("layer_identity.activate_signingkey")

    def has_retire_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("layer_identity.retire_signingkey")

    def has_destroy_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("layer_identity.destroy_signingkey")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("layer_identity.revoke_signingkey")

    def get_form(
        self,
        request: HttpRequest,
        obj: SigningKey | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> type[ModelForm]:
        form = self.form if change else self.add_form
        if change:
            kwargs["fields"] = self.form.Meta.fields
        return super().get_form(request, obj, change, form=form, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: SigningKey | None = None) -> Any:
        """Show only the times that are set."""
        if obj is None:
            return self.add_fieldsets
        times = tuple(name for name in TIME_FIELDS if getattr(obj, name))
        return [*self.fieldsets, (_("Times"), {"fields": times})]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Preselect the Layer app if there is only one."""
        apps = LayerApp.objects.using(router.db_for_write(LayerApp))
        pks = list(apps.values_list("pk", flat=True)[:2])
        initial = {"app": pks[0]} if len(pks) == 1 else {}
        return {**initial, **super().get_changeform_initial_data(request)}

    def get_readonly_fields(
        self, request: HttpRequest, obj: SigningKey | None = None
    ) -> Any:
        if obj is None:
            return ()
        if obj.state in (State.DRAFT, State.READY):
            return self.readonly_fields
        return (*self.readonly_fields, "key_id")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        text = search_term.strip()
        found = matching_apps(text, "app__")
        digits = "".join(text.split()).lower()  # pages show groups of four digits
        if re.fullmatch("[0-9a-f]+", digits):
            found |= Q(fingerprint__startswith=digits)
        with suppress(InvalidIdentifier):
            found |= Q(key_id=KeyID.parse(text).uuid)
        return queryset.filter(found), False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Refuse filters with which staff could guess the encrypted private key."""
        if lookup.startswith("encrypted_private_key"):
            return False
        return super().lookup_allowed(lookup, value, request)

    def get_urls(self) -> list[Any]:
        prefix, staff_only = "layer_identity_signingkey", self.admin_site.admin_view
        add = _wrap_posted_secrets(staff_only(self.add_view))
        public_key = staff_only(self.public_key_view)
        return [
            path("add/", add, name=f"{prefix}_add"),  # replaces Django's
            path("<int:pk>/public.pem", public_key, name=f"{prefix}_public_key"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Return 403 for an action without permission; Django would ignore it."""
        action = request.POST.get("action")
        is_ours = action in [function.__name__ for function in ACTIONS]
        if is_ours and action not in self.get_actions(request):
            raise PermissionDenied
        return super().changelist_view(request, *args, **kwargs)

    def public_key_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Return the public key as a file, for verifiers that do not read jwks.json."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        key = get_object_or_404(self.get_queryset(request), pk=pk)
        name = f"layer-public-key-{key.fingerprint[:16]}.pem"
        return HttpResponse(
            key.public_key,
            content_type="application/x-pem-file",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context.update(show_save_and_add_another=False, show_save_and_continue=False)
        if key := kwargs.get("obj"):
            actions = list(self.get_actions(request))
            context.update(steps=steps(key), actions=actions, from_page=FROM_PAGE)
            context.update(state=state(key), service=_service(key))
            if key.state not in (State.DRAFT, State.READY):
                context["title"] = _("View %s") % self.opts.verbose_name
            if key.lacks_encryption_key:
                self.message_user(request, self._lost(request, key), messages.ERROR)
        return super().render_change_form(request, context, *args, **kwargs)

    def _lost(self, request: HttpRequest, key: SigningKey) -> str:
        """Say what stops because the private key cannot be decrypted, and what helps."""
        is_serving = key.state == State.ACTIVE and key.app.enabled
        text = (LOST_ACTIVE if is_serving else LOST) % {"app": key.app}
        link = ""
        if self.has_add_permission(request):
            name, site = "admin:layer_identity_signingkey_add", self.admin_site.name
            url = f"{reverse(name, current_app=site)}?app={key.app_id}&source=import"
            link = format_html(
                '<a href="{}" class="button layer-button">{}</a>', url, IMPORT_AGAIN
            )
        return format_html("{} {} {}", text, REMEDY, link)

    def save_model(
        self, request: HttpRequest, obj: SigningKey, form: ModelForm, change: bool
    ) -> None:
        if not change:
            obj.save_unique()
        elif "key_id" in form.changed_data:
            obj.set_key_id(form.cleaned_data["key_id"])

    def log_addition(self, request: HttpRequest, obj: SigningKey, message: Any) -> Any:
        if obj.was_stored_again:
            return self.log_change(request, obj, _("Private key stored again."))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: SigningKey, message: Any) -> Any:
        """Skip empty history entries."""
        return super().log_change(request, obj, message) if message else None

    def response_add(
        self, request: HttpRequest, obj: SigningKey, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if not obj.was_stored_again:
            return super().response_add(request, obj, *args, **kwargs)
        message = _("The private key of the signing key %(key)s was stored again.")
        self.message_user(request, message % {"key": obj}, messages.SUCCESS)
        return self.response_post_save_add(request, obj)

    def response_post_save_add(
        self, request: HttpRequest, obj: SigningKey
    ) -> HttpResponseRedirect:
        """Redirect to the key's page, which shows the public key for Layer."""
        if self.has_view_or_change_permission(request, obj):
            return self.redirect_to_page_of(obj)
        return super().response_post_save_add(request, obj)

    def response_post_save_change(
        self, request: HttpRequest, obj: SigningKey
    ) -> HttpResponseRedirect:
        return self.redirect_to_page_of(obj)


def _service(key: SigningKey) -> str:
    keys = SigningKey.objects.using(key.database)
    return service(key.app, keys.filter(active_for=key.app_id).first())


def _wrap_posted_secrets(
    view: Callable[..., HttpResponse],
) -> Callable[..., HttpResponse]:
    """Wrap posted secrets first, because the report of a later error shows the form."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        request.POST = wrap_secrets(request.POST)
        return view(request, *args, **kwargs)

    return wrapper
