"""What staff do with keys: each act has a permission, and an entry in the history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db import OperationalError, router
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from django_layer_identity.admin.base import BUSY, DiscreetAdmin
from django_layer_identity.admin.forms import DiscreetForm
from django_layer_identity.exceptions import LayerIdentityError
from django_layer_identity.models import SigningKey
from django_layer_identity.models.locking import wait_for_turn, write_or_retry
from django_layer_identity.models.reasons import MAX_REASON_LENGTH

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.utils.functional import _StrPromise

FROM_PAGE = "from_page"  # posted by the buttons of a key's own page
CONFIRMATION = "admin/layer_identity/signingkey/{}_confirmation.html"


class ReasonForm(DiscreetForm, forms.Form):
    """Why a key is revoked."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=MAX_REASON_LENGTH,
        help_text=_("For the people who look at this key later."),
        widget=forms.TextInput({"class": "vTextField", "autofocus": True}),
    )


class KeyActs(DiscreetAdmin):
    """The acts, for one key from its page and for several from the list."""

    actions = ("self_test", "activate", "retire", "destroy", "revoke")

    def has_activate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("layer_identity.activate_signingkey")

    def has_retire_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("layer_identity.retire_signingkey")

    def has_destroy_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("layer_identity.destroy_signingkey")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("layer_identity.revoke_signingkey")

    def changelist_view(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Refuse an act out loud, where Django would show the list and do nothing."""
        act = request.POST.get("action")
        if act in self.actions and act not in self.get_actions(request):
            raise PermissionDenied
        return super().changelist_view(request, *args, **kwargs)

    @admin.action(description=_("Run the self-test"), permissions=["change"])
    def self_test(
        self, request: HttpRequest, queryset: QuerySet[SigningKey]
    ) -> HttpResponse | None:
        note = _("Self-test passed.")
        return self._act(request, queryset, SigningKey.run_self_test, note)

    @admin.action(description=_("Activate selected keys"), permissions=["activate"])
    def activate(
        self, request: HttpRequest, queryset: QuerySet[SigningKey]
    ) -> HttpResponse | None:
        if len({key.app_id for key in queryset}) < len(queryset):
            message = _("Of each Layer app one key is active: select one to activate.")
            self.message_user(request, message, messages.ERROR)
            return None
        former = {key.pk: _active_beside(key) for key in queryset}
        return self._act(
            request, queryset, lambda key: key.activate_in_place_of(former[key.pk])
        )

    @admin.action(description=_("Retire selected keys"), permissions=["retire"])
    def retire(
        self, request: HttpRequest, queryset: QuerySet[SigningKey]
    ) -> HttpResponse | None:
        return self._act(request, queryset, SigningKey.retire)

    @admin.action(
        description=_("Destroy private halves of selected retired keys…"),
        permissions=["destroy"],
    )
    def destroy(
        self, request: HttpRequest, queryset: QuerySet[SigningKey]
    ) -> HttpResponse | None:
        """Ask first: there is no way back."""
        if "post" not in request.POST:
            title = _("Destroy private halves")
            return self._ask(request, queryset, "destroy", title)
        note = _("Private half destroyed.")
        return self._act(request, queryset, SigningKey.destroy_private_key, note)

    @admin.action(description=_("Revoke selected keys…"), permissions=["revoke"])
    def revoke(
        self, request: HttpRequest, queryset: QuerySet[SigningKey]
    ) -> HttpResponse | None:
        """Ask first, and for a reason: there is no way back."""
        form = ReasonForm(request.POST if "post" in request.POST else None)
        if not form.is_valid():
            title = _("Revoke signing keys")
            return self._ask(request, queryset, "revoke", title, form)
        reason = form.cleaned_data["reason"]
        note = _("Reason: %(reason)s") % {"reason": reason}
        return self._act(request, queryset, lambda key: key.revoke(reason), note)

    def _ask(
        self,
        request: HttpRequest,
        queryset: QuerySet[SigningKey],
        act: str,
        title: _StrPromise,
        form: forms.Form | None = None,
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
            "from_page": FROM_PAGE if FROM_PAGE in request.POST else "",
            "act": act,
            "form": form,
            "keys": queryset,
            "media": self.media,
            "opts": self.opts,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, CONFIRMATION.format(act), context)

    def _act(
        self,
        request: HttpRequest,
        queryset: QuerySet[SigningKey],
        act: Callable[[SigningKey], SigningKey | None],
        note: str | _StrPromise = "",
    ) -> HttpResponse | None:
        keys = list(queryset)
        for key in keys:
            self._act_on(request, key, act, str(note))
        return self.to_page_of(keys[0]) if keys and FROM_PAGE in request.POST else None

    def _act_on(
        self,
        request: HttpRequest,
        key: SigningKey,
        act: Callable[[SigningKey], SigningKey | None],
        note: str,
    ) -> None:
        before = _looks(key)

        def write() -> None:
            nonlocal before
            wait_for_turn(key)  # somebody else may have acted since the list was read
            before = _looks(key)
            retired = act(key)
            if retired:
                former = SigningKey.State.ACTIVE
                self.log_change(request, retired, _entry(former, retired))
            if _looks(key) != before:
                self.log_change(request, key, _entry(before[0], key, note))

        try:
            write_or_retry(write, using=router.db_for_write(SigningKey))
        except (LayerIdentityError, OperationalError) as exc:
            text = _("The signing key %(key)s stays %(state)s: %(reason)s")
            reason = exc if isinstance(exc, LayerIdentityError) else BUSY
            facts = {"key": key, "state": before[0].label, "reason": reason}
            self.message_user(request, text % facts, messages.ERROR)
        else:
            self._tell(request, key, note, changed=_looks(key) != before)

    def _tell(
        self, request: HttpRequest, key: SigningKey, note: str, *, changed: bool
    ) -> None:
        facts = {"key": key, "state": key.state.label, "note": note}
        if changed:
            text = _("The signing key %(key)s is %(state)s now. %(note)s")
            self.message_user(request, (text % facts).strip(), messages.SUCCESS)
        else:
            text = _("The signing key %(key)s was %(state)s already.")
            self.message_user(request, text % facts, messages.INFO)

    def to_page_of(self, key: SigningKey) -> HttpResponseRedirect:
        page, site = "admin:layer_identity_signingkey_change", self.admin_site.name
        return HttpResponseRedirect(reverse(page, args=[key.pk], current_app=site))


def _active_beside(key: SigningKey) -> int | None:
    return SigningKey.objects.active_in(key.app_id, key.database)


def _looks(key: SigningKey) -> tuple[SigningKey.State, object, object]:
    """What an act that did something has changed."""
    return key.state, key.tested_at, key.destroyed_at


def _entry(former: SigningKey.State, key: SigningKey, note: str = "") -> str:
    text = _("State: %(former)s → %(state)s")
    facts = {"former": former.label, "state": key.state.label}
    changed = text % facts if key.state != former else ""
    return " – ".join(filter(None, [changed, note]))
