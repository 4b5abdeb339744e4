"""The ledger in the admin: read-only, except that an ID can be reassigned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, OperationalError, router, transaction
from django.db.models import Q
from django.http import Http404
from django.urls import path
from django.utils.translation import gettext_lazy as _

from django_layer_identity import ledger
from django_layer_identity.admin.base import LayerModelAdmin, ReadOnly, error_message
from django_layer_identity.admin.display import layer_user_id, layer_user_state, since
from django_layer_identity.admin.forms import ReassignForm, users_by_login_name
from django_layer_identity.digests import user_id_digest
from django_layer_identity.exceptions import LayerIdentityError
from django_layer_identity.models import LayerUser

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

REASSIGN = "admin/layer_identity/layeruser/reassign.html"
USER_DELETED = _(
    "A user was deleted at the same time, so nothing was changed. Try again."
)


@admin.register(LayerUser)
class LayerUserAdmin(ReadOnly, LayerModelAdmin):
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
    list_display = (layer_user_id, "owner", layer_user_state, "app", since)
    list_filter = ("app",)
    list_select_related = ("app", "owner")
    ordering = ("-pk",)
    search_fields = ("digest",)  # shows the search box; get_search_results() searches
    search_help_text = _(
        "Enter a Layer user ID, its digest, or a user's login name. Enter the complete "
        "value: a part of it finds nothing."
    )
    show_full_result_count = False

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Allow viewing also for staff who may reassign IDs."""
        may_view = super().has_view_permission(request, obj)
        return may_view or self.has_reassign_permission(request)

    def has_reassign_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("layer_identity.reassign_layeruser")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """
        Search by login name and by the digest of the ID.

        The digest matches exactly on every database and has an index.
        """
        if not search_term:
            return queryset, False
        try:
            owners = list(users_by_login_name(search_term).values_list("pk", flat=True))
        except (ValueError, ValidationError):  # login names may be numbers or UUIDs
            owners = []
        digests = [user_id_digest(search_term), search_term.strip().lower()]
        return queryset.filter(Q(digest__in=digests) | Q(owner__in=owners)), False

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.reassign_view)
        # Commit inside the view, even with ATOMIC_REQUESTS, so that the view can catch
        # the errors of the commit.
        transaction.non_atomic_requests(router.db_for_write(LayerUser))(view)
        name = "layer_identity_layeruser_reassign"
        reassign = path("<path:object_id>/reassign/", view, name=name)
        return [reassign, *super().get_urls()]

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context["may_reassign"] = self.has_reassign_permission(request)
        return super().render_change_form(request, context, *args, **kwargs)

    def reassign_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the new user and the reason, ask for confirmation, and reassign."""
        if not self.has_reassign_permission(request):
            raise PermissionDenied
        entry = self.get_object(request, object_id)
        if entry is None:
            raise Http404
        form = ReassignForm(entry, request.POST or None)
        is_valid = form.is_valid()
        if is_valid and "confirm" in request.POST:
            self._reassign(request, entry, form.cleaned_data)
            return self.redirect_to_page_of(entry)
        title = _("Reassign a Layer user ID")
        context = {"title": title, "entry": entry, "form": form, "confirming": is_valid}
        return self.render(request, REASSIGN, **context)

    def _reassign(
        self, request: HttpRequest, entry: LayerUser, data: dict[str, Any]
    ) -> None:
        user, reason, former = data["user"], data["reason"], entry.owner_id
        # The history is kept after a user is deleted, so it must not contain login
        # names or Layer user IDs.
        anonymous = LayerUser(pk=entry.pk, digest=entry.digest)
        try:
            with transaction.atomic(using=router.db_for_write(LayerUser)):
                ledger.reassign(entry, user, reason=reason, user_id=data.get("user_id"))
                text = _("Reassigned from user %(former)s to user %(user)s: %(reason)s")
                values = {"former": former or "–", "user": user.pk, "reason": reason}
                self.log_change(request, anonymous, text % values)
        except IntegrityError:  # foreign keys are checked at the end of the transaction
            self.message_user(request, str(USER_DELETED), messages.ERROR)
        except (LayerIdentityError, OperationalError) as exc:
            self.message_user(request, error_message(exc), messages.ERROR)
        else:
            text = _("The Layer user ID now belongs to %(user)s.")
            self.message_user(request, text % {"user": user}, messages.SUCCESS)
