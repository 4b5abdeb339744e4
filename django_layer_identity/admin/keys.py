"""Signing keys in the admin: the list, a guided page for each, and its public half."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils.translation import gettext_lazy as _

from django_layer_identity.admin.base import LayerModelAdmin
from django_layer_identity.admin.display import (
    State,
    age,
    grouped_fingerprint,
    last_use,
    private_key_location,
    public_pem,
    state,
)
from django_layer_identity.admin.forms import KeyIDForm, NewSigningKeyForm, wrap_secrets
from django_layer_identity.admin.key_actions import ACTIONS, FROM_PAGE
from django_layer_identity.admin.key_guide import steps
from django_layer_identity.models import LayerApp, SigningKey
from django_layer_identity.protocol.identifiers import KeyID

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet
    from django.forms import ModelForm
    from django.http import HttpRequest, HttpResponseRedirect

PUBLIC_HALF = (grouped_fingerprint, public_pem)
FACTS = ("app", "bits", private_key_location, age, last_use)
TIMES = (
    "created_at",
    "tested_at",
    "activated_at",
    "retired_at",
    "revoked_at",
    "revocation_reason",
    "destroyed_at",
)


@admin.register(SigningKey)
class SigningKeyAdmin(LayerModelAdmin):
    actions = ACTIONS
    form = KeyIDForm
    add_form = NewSigningKeyForm
    # An allow-list: whatever else a key holds, or will hold, stays off these pages.
    # The key ID is in the guide above them.
    fieldsets: ClassVar[Any] = [
        (_("Public half"), {"fields": PUBLIC_HALF}),
        (_("Key"), {"fields": FACTS}),
    ]
    add_fieldsets = [(None, {"fields": NewSigningKeyForm.Meta.fields})]
    readonly_fields: ClassVar[Any] = (*PUBLIC_HALF, *FACTS, *TIMES)
    list_display: Any = ("__str__", state, "app", age, last_use, "activated_at")
    list_filter = ("app",)
    list_select_related = ("app",)
    ordering = ("app__name", "-pk")
    search_fields = ("key_id", "fingerprint__startswith")
    search_help_text = _("A key ID, or the beginning of a fingerprint.")

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
        """Of the times, show those that were."""
        if obj is None:
            return self.add_fieldsets
        times = tuple(name for name in TIMES if getattr(obj, name))
        return [*self.fieldsets, (_("Times"), {"fields": times})]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Choose the Layer app where there is no choice."""
        apps = list(LayerApp.objects.values_list("pk", flat=True)[:2])
        only = {"app": apps[0]} if len(apps) == 1 else {}
        return {**only, **super().get_changeform_initial_data(request)}

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
        search_term = search_term.removeprefix(KeyID.prefix)
        return super().get_search_results(request, queryset, search_term)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Keep the private half, encrypted as it is, from being guessed by filters."""
        if lookup.startswith("encrypted_private_key"):
            return False
        return super().lookup_allowed(lookup, value, request)

    def get_urls(self) -> list[Any]:
        prefix, for_staff = "layer_identity_signingkey", self.admin_site.admin_view
        add = _wrapping_secrets(for_staff(self.add_view))
        public_key = for_staff(self.public_key_view)
        return [
            path("add/", add, name=f"{prefix}_add"),  # in place of Django's own
            path("<int:pk>/public.pem", public_key, name=f"{prefix}_public_key"),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Answer an action without its permission by 403; Django would ignore it."""
        action = request.POST.get("action")
        is_ours = action in [each.__name__ for each in ACTIONS]
        if is_ours and action not in self.get_actions(request):
            raise PermissionDenied
        return super().changelist_view(request, *args, **kwargs)

    def public_key_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Hand out the public half as a file, for Layer's dashboard."""
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
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(
        self, request: HttpRequest, obj: SigningKey, form: ModelForm, change: bool
    ) -> None:
        if not change:
            obj.save_unique()
        elif "key_id" in form.changed_data:
            obj.set_key_id(form.cleaned_data["key_id"])

    def log_change(self, request: HttpRequest, obj: SigningKey, message: Any) -> Any:
        """Skip an entry that says nothing."""
        return super().log_change(request, obj, message) if message else None

    def response_post_save_add(
        self, request: HttpRequest, obj: SigningKey
    ) -> HttpResponseRedirect:
        """Go on to the key's page: its public half waits there to be registered."""
        if self.has_view_or_change_permission(request, obj):
            return self.redirect_to_page_of(obj)
        return super().response_post_save_add(request, obj)

    def response_post_save_change(
        self, request: HttpRequest, obj: SigningKey
    ) -> HttpResponseRedirect:
        return self.redirect_to_page_of(obj)


def _wrapping_secrets(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let a view wrap what is posted before all else: any step after it may fail."""

    @wraps(view)
    def wrapping(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        request.POST = wrap_secrets(request.POST)
        return view(request, *args, **kwargs)

    return wrapping
