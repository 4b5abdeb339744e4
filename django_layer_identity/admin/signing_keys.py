"""Signing keys in the admin: come in, are registered, activated, retired, revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import OperationalError, router, transaction
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from django_layer_identity.admin.display import (
    State,
    grouped_fingerprint,
    next_step,
    public_pem,
    state,
)
from django_layer_identity.admin.forms import KeyIDForm, NewSigningKeyForm
from django_layer_identity.admin.secrecy import DiscreetAdmin
from django_layer_identity.exceptions import LayerIdentityError
from django_layer_identity.models import SigningKey
from django_layer_identity.protocol.identifiers import KeyID

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet
    from django.forms import ModelForm
    from django.http import HttpRequest, HttpResponse

BUSY = _("The database is busy. Nothing was changed: try again.")
CONFIRMATION = "admin/layer_identity/signingkey/revoke_confirmation.html"


@admin.register(SigningKey)
class SigningKeyAdmin(DiscreetAdmin):
    form = KeyIDForm
    add_form = NewSigningKeyForm
    # An allow-list: whatever else a key holds, or will hold, stays off these pages.
    fieldsets: ClassVar[Any] = [
        (None, {"fields": (state, next_step, "app", "key_id")}),
        (_("Public half"), {"fields": (grouped_fingerprint, "bits", public_pem)}),
        (
            _("Times"),
            {"fields": ("created_at", "activated_at", "retired_at", "revoked_at")},
        ),
    ]
    add_fieldsets = [(None, {"fields": NewSigningKeyForm.Meta.fields})]
    readonly_fields: ClassVar[Any] = (
        state,
        next_step,
        "app",
        grouped_fingerprint,
        "bits",
        public_pem,
        "created_at",
        "activated_at",
        "retired_at",
        "revoked_at",
    )
    list_display = ("__str__", state, "app", "created_at", "activated_at")
    list_filter = ("app",)
    ordering = ("app__name", "-pk")
    search_fields = ("key_id", "fingerprint__startswith")
    search_help_text = _("A key ID, or the beginning of a fingerprint.")
    actions = ("activate", "retire", "revoke")

    class Media:
        css = {"all": ("layer_identity/admin.css",)}

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def get_form(
        self,
        request: HttpRequest,
        obj: SigningKey | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> type[ModelForm]:
        form = self.form if change else self.add_form
        return super().get_form(request, obj, change, form=form, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: SigningKey | None = None) -> Any:
        return self.fieldsets if obj else self.add_fieldsets

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

    def changeform_view(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except LayerIdentityError as exc:  # the form was right until a moment ago
            self.message_user(request, str(exc), messages.ERROR)
        except OperationalError:
            self.message_user(request, BUSY, messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())

    def save_model(
        self, request: HttpRequest, obj: SigningKey, form: ModelForm, change: bool
    ) -> None:
        if not change:
            obj.save_unique()
        elif "key_id" in form.changed_data:
            obj.set_key_id(form.cleaned_data["key_id"])
        if obj.key_id and obj.tested_at is None:
            obj.run_self_test()

    def log_change(self, request: HttpRequest, obj: SigningKey, message: Any) -> Any:
        """Leave out that no field changed: what the buttons do has its own entry."""
        return super().log_change(request, obj, message) if message else None

    def response_post_save_add(
        self, request: HttpRequest, obj: SigningKey
    ) -> HttpResponseRedirect:
        """Go on to the key's page: its public half waits there to be registered."""
        if self.has_view_or_change_permission(request, obj):
            return self._to_page_of(obj)
        return super().response_post_save_add(request, obj)

    def response_post_save_change(
        self, request: HttpRequest, obj: SigningKey
    ) -> HttpResponseRedirect:
        return self._to_page_of(obj)

    def response_change(self, request: HttpRequest, obj: SigningKey) -> HttpResponse:
        """Do what the button says, exactly as the list's action would."""
        for name in ("activate", "retire"):
            if f"_{name}" in request.POST:
                queryset = self.get_queryset(request).filter(pk=obj.pk)
                getattr(self, name)(request, queryset)
                return self._to_page_of(obj)
        return super().response_change(request, obj)

    def _to_page_of(self, key: SigningKey) -> HttpResponseRedirect:
        page, site = "admin:layer_identity_signingkey_change", self.admin_site.name
        return HttpResponseRedirect(reverse(page, args=[key.pk], current_app=site))

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context.update(show_save_and_add_another=False, show_save_and_continue=False)
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.action(description=_("Activate selected keys"), permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet[SigningKey]) -> None:
        if len({key.app_id for key in queryset}) < len(queryset):
            message = _("Of each Layer app one key is active: select one to activate.")
            self.message_user(request, message, messages.ERROR)
        else:
            self._act(request, queryset, SigningKey.activate)

    @admin.action(description=_("Retire selected keys"), permissions=["change"])
    def retire(self, request: HttpRequest, queryset: QuerySet[SigningKey]) -> None:
        self._act(request, queryset, SigningKey.retire)

    @admin.action(description=_("Revoke selected keys…"), permissions=["change"])
    def revoke(
        self, request: HttpRequest, queryset: QuerySet[SigningKey]
    ) -> HttpResponse | None:
        """Ask first: there is no way back."""
        if "post" in request.POST:
            reason = request.POST.get("reason", "")
            self._act(request, queryset, lambda key: key.revoke(reason))
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": _("Revoke signing keys"),
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
            "keys": queryset,
            "media": self.media,
            "opts": self.opts,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, CONFIRMATION, context)

    def _act(
        self,
        request: HttpRequest,
        queryset: QuerySet[SigningKey],
        act: Callable[[SigningKey], None],
    ) -> None:
        for key in queryset:
            former = key.state
            try:
                with transaction.atomic(using=router.db_for_write(SigningKey)):
                    act(key)
                    self._log_act(request, key, former)
            except (LayerIdentityError, OperationalError) as exc:
                text = _("The signing key %(key)s stays %(state)s: %(reason)s")
                reason = exc if isinstance(exc, LayerIdentityError) else BUSY
                facts = {"key": key, "state": former.label, "reason": reason}
                self.message_user(request, text % facts, messages.ERROR)
            else:
                text = _("The signing key %(key)s is %(state)s now.")
                facts = {"key": key, "state": key.state.label}
                self.message_user(request, text % facts, messages.SUCCESS)

    def _log_act(
        self, request: HttpRequest, key: SigningKey, former: SigningKey.State
    ) -> None:
        if key.state != former:
            text = _("State: %(former)s → %(state)s")
            facts = {"former": former.label, "state": key.state.label}
            self.log_change(request, key, text % facts)
