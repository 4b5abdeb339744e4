"""The ledger in the admin: looked through, and changed by reassigning alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, OperationalError, router, transaction
from django.db.models import Q
from django.http import Http404, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from django_layer_identity import ledger
from django_layer_identity.admin.base import BUSY, ReadOnlyAdmin
from django_layer_identity.admin.display import layer_user_id, layer_user_state, since
from django_layer_identity.admin.forms import DiscreetForm
from django_layer_identity.digests import user_id_digest
from django_layer_identity.exceptions import LayerIdentityError
from django_layer_identity.models import LayerUser
from django_layer_identity.models.reasons import MAX_REASON_LENGTH

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse


def users_named(text: str) -> QuerySet[AbstractBaseUser]:
    """
    Return the users that log in under that name: nearly always one, or none.

    :raises ValueError, ValidationError: where it cannot be such a name, when asked.
    """
    model: Any = get_user_model()
    name = getattr(model, "USERNAME_FIELD", model._meta.pk.name)
    users: QuerySet[AbstractBaseUser] = model._base_manager.using(
        router.db_for_write(LayerUser)
    )
    return users.filter(**{name: text})


class ReassignForm(DiscreetForm, forms.Form):
    """To whom, why, and which ID it is where only its digest is left."""

    user = forms.CharField(
        label=_("New user"),
        help_text=_("The name that he logs in with."),
        strip=False,
    )
    user_id = forms.CharField(
        label=_("Layer user ID"),
        help_text=_("Its text went with its user: enter it as it was."),
        strip=False,
    )
    reason = forms.CharField(
        label=_("Reason"),
        help_text=_("It stays in the history: no names, but a ticket's number, say."),
        max_length=MAX_REASON_LENGTH,
    )

    def __init__(self, entry: LayerUser, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.entry = entry
        if entry.user_id:
            del self.fields["user_id"]

    def clean_user(self) -> AbstractBaseUser:
        model = get_user_model()
        try:
            user = users_named(self.cleaned_data["user"]).get()
        except (model.DoesNotExist, ValueError, ValidationError) as exc:
            raise ValidationError(_("There is no such user.")) from exc
        except model.MultipleObjectsReturned as exc:
            raise ValidationError(_("Several users have this name.")) from exc
        if user.pk == self.entry.current_for_id:
            raise ValidationError(_("The user has this Layer user ID already."))
        return user

    def clean_user_id(self) -> str:
        text: str = self.cleaned_data["user_id"]
        if not self.entry.names(text):
            raise ValidationError(_("This is another Layer user ID."))
        return text


REASSIGN = "admin/layer_identity/layeruser/reassign.html"
USER_DELETED = _("A user was deleted meanwhile. Try again.")


@admin.register(LayerUser)
class LayerUserAdmin(ReadOnlyAdmin):
    fields: ClassVar[Any] = (
        layer_user_id,
        layer_user_state,
        "app",
        "owner",
        "digest",
        "created_at",
        "reassigned_at",
        "reassignment_reason",
    )
    readonly_fields: ClassVar[Any] = fields
    list_display = (
        layer_user_id,
        "owner",
        layer_user_state,
        "app",
        since,
    )
    list_filter = ("app",)
    list_select_related = ("app", "owner")
    ordering = ("-pk",)
    search_fields = ("digest",)  # get_search_results() does what can be said
    search_help_text = _(
        "A Layer user ID or its digest, or the name that a user logs in with: as a "
        "whole, to the last character."
    )
    show_full_result_count = False

    class Media:
        css = {"all": ("layer_identity/admin.css",)}

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Let whoever may reassign an ID see what he does."""
        seen = super().has_view_permission(request, obj)
        return seen or self.has_reassign_permission(request)

    def has_reassign_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("layer_identity.reassign_layeruser")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """Look IDs up by their digests: exactly, on every database, by the index."""
        if not search_term:
            return queryset, False
        try:
            owners = list(users_named(search_term).values_list("pk", flat=True))
        except (ValueError, ValidationError):  # they log in with a number or UUID, say
            owners = []
        digests = [user_id_digest(search_term), search_term.strip().lower()]
        return queryset.filter(Q(digest__in=digests) | Q(owner__in=owners)), False

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.reassign_view)
        # Committed in the view, also with ATOMIC_REQUESTS, so that it sees what fails.
        transaction.non_atomic_requests(router.db_for_write(LayerUser))(view)
        name = "layer_identity_layeruser_reassign"
        return [
            path("<path:object_id>/reassign/", view, name=name),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = {"may_reassign": self.has_reassign_permission(request)}
        return super().change_view(
            request, object_id, form_url, {**context, **(extra_context or {})}
        )

    def reassign_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask to whom and why, ask again, and do it."""
        if not self.has_reassign_permission(request):
            raise PermissionDenied
        entry = self.get_object(request, object_id)
        if entry is None:
            raise Http404
        form = ReassignForm(entry, request.POST or None)
        sure = form.is_valid()
        if sure and "confirm" in request.POST:
            self._reassign(request, entry, form.cleaned_data)
            page, site = "admin:layer_identity_layeruser_change", self.admin_site.name
            return HttpResponseRedirect(
                reverse(page, args=[entry.pk], current_app=site)
            )
        context = {
            **self.admin_site.each_context(request),
            "title": _("Reassign a Layer user ID"),
            "entry": entry,
            "form": form,
            "confirming": sure,
            "media": self.media + form.media,
            "opts": self.opts,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, REASSIGN, context)

    def _reassign(
        self, request: HttpRequest, entry: LayerUser, given: dict[str, Any]
    ) -> None:
        user, reason, former = given["user"], given["reason"], entry.owner_id
        # The history outlives users: no name of theirs, and no text of their IDs.
        nameless = LayerUser(pk=entry.pk, digest=entry.digest)
        try:
            with transaction.atomic(using=router.db_for_write(LayerUser)):
                ledger.reassign(
                    entry, user, reason=reason, user_id=given.get("user_id")
                )
                text = _("Reassigned from user %(former)s to user %(user)s: %(reason)s")
                facts = {"former": former or "–", "user": user.pk, "reason": reason}
                self.log_change(request, nameless, text % facts)
        except IntegrityError:  # of the foreign keys, which are looked at in the end
            self.message_user(request, str(USER_DELETED), messages.ERROR)
        except (LayerIdentityError, OperationalError) as exc:
            told = exc if isinstance(exc, LayerIdentityError) else BUSY
            self.message_user(request, str(told), messages.ERROR)
        else:
            text = _("The Layer user ID is %(user)s's now.")
            self.message_user(request, text % {"user": user}, messages.SUCCESS)
