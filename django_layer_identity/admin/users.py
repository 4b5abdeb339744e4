"""The ledger in the admin: read-only, except for reassigning and renaming."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.exceptions import NotRegistered
from django.contrib.admin.helpers import AdminForm
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, OperationalError, router, transaction
from django.db.models import Q
from django.http import Http404, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from django_layer_identity import ledger
from django_layer_identity.admin.base import (
    AppFilter,
    LayerModelAdmin,
    ReadOnly,
    error_message,
    matching_apps,
)
from django_layer_identity.admin.display import layer_user_id, layer_user_state, since
from django_layer_identity.admin.forms import (
    ReassignForm,
    RenameForm,
    stored_users,
    users_by_login_name,
)
from django_layer_identity.conf import conf
from django_layer_identity.digests import user_id_digest
from django_layer_identity.exceptions import (
    LayerIdentityError,
    Refusal,
    UserIDFailed,
    UserIDTaken,
)
from django_layer_identity.mapping.typed_ids import make_visible
from django_layer_identity.mapping.user_ids import is_random
from django_layer_identity.models import LayerApp, LayerUser

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

REASSIGN = "admin/layer_identity/layeruser/reassign.html"
RENAME = "admin/layer_identity/layeruser/rename.html"
USER_DELETED = _(
    "A user was deleted at the same time, so nothing was changed. Try again."
)

# What a reassignment means for the former owner
TAKEN = _(
    "%(user)s gets no identity tokens from then on: the Layer user ID that USER_ID gives "
    "%(user)s belongs to another user, so each request is refused with user_id_taken until "
    "%(user)s has another ID."
)
REFUSED = _(
    "%(user)s gets no identity tokens from then on: each request is refused with %(code)s. "
    "%(detail)s"
)
UNKNOWN = _(
    "A function of your project computes USER_ID, so this page cannot tell which Layer user "
    "ID %(user)s gets from then on. If it is this one, each request is refused with "
    "user_id_taken until %(user)s has another ID."
)
#: Added if the user can get no other ID here: USER_ID decides at each token.
USER_ID_DECIDES = _(
    " First change the value that USER_ID reads: with LAYER_IDENTITY['USER_ID_CHANGE'] = "
    "“%(change)s”, another ID that is given here does not last."
)
KEPT = _(
    "%(user)s has the Layer user ID “%(user_id)s” in this Layer app, and keeps it."
)
OTHER = _(
    "The next identity token of %(user)s has the Layer user ID “%(user_id)s”. It does not "
    "show the messages that were sent to the reassigned ID."
)
RANDOM = _(
    "The next identity token of %(user)s has a new random Layer user ID. It does not show "
    "the messages that were sent to the reassigned ID."
)


class Loss(NamedTuple):
    """What a reassignment means for the former owner of the ID."""

    text: str
    is_refused: bool  # also if it may be so
    offer: str  # the text of the link to the page that helps; empty if none is needed


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
    list_filter = (("app", AppFilter),)
    ordering = ("-pk",)
    search_fields = ("digest",)  # shows the search box; get_search_results() searches
    search_help_text = _(
        "Enter a Layer user ID, its digest, a user's login name, or the ID or name of a "
        "Layer app. Enter the complete value: a part of it finds nothing."
    )
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """Read the app and the owner with the entry: a replica may lag behind."""
        return super().get_queryset(request).select_related("app", "owner")

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Allow viewing also for staff who may reassign or change IDs."""
        may_view = super().has_view_permission(request, obj)
        return (
            may_view
            or self.has_reassign_permission(request)
            or self.has_rename_permission(request)
        )

    def has_reassign_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("layer_identity.reassign_layeruser")

    def has_rename_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("layer_identity.rename_layeruser")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """
        Search by login name, by the digest of the ID, and by app.

        The digest matches exactly on every database and has an index.
        """
        if not search_term:
            return queryset, False
        try:
            owners = list(users_by_login_name(search_term).values_list("pk", flat=True))
        except (ValueError, ValidationError):  # login names may be numbers or UUIDs
            owners = []
        digests = [user_id_digest(search_term), search_term.strip().lower()]
        is_app = matching_apps(search_term.strip(), name="name__iexact")
        apps = LayerApp.objects.using(queryset.db).filter(is_app)
        pks = list(apps.values_list("pk", flat=True))
        found = Q(digest__in=digests) | Q(owner__in=owners) | Q(app__in=pks)
        return queryset.filter(found), False

    def get_urls(self) -> list[Any]:
        name = "layer_identity_layeruser"
        rename, reassign = self.rename_view, self.reassign_view
        return [
            path("rename/", self._wrap(rename), name=f"{name}_rename"),
            path(
                "<path:object_id>/reassign/",
                self._wrap(reassign),
                name=f"{name}_reassign",
            ),
            *super().get_urls(),
        ]

    def _wrap(self, function: Callable[..., HttpResponse]) -> Any:
        view = self.admin_site.admin_view(function)
        # Commit inside the view, even with ATOMIC_REQUESTS, so that the view can catch
        # the errors of the commit.
        transaction.non_atomic_requests(router.db_for_write(LayerUser))(view)
        return view

    def changelist_view(
        self, request: HttpRequest, extra_context: Any = None
    ) -> HttpResponse:
        may_rename = {"may_rename": self.has_rename_permission(request)}
        return super().changelist_view(request, {**(extra_context or {}), **may_rename})

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context["may_reassign"] = self.has_reassign_permission(request)
        context["may_rename"] = self.has_rename_permission(request)
        return super().render_change_form(request, context, *args, **kwargs)

    def reassign_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the new user and the reason, ask for confirmation, and reassign."""
        if not self.has_reassign_permission(request):
            raise PermissionDenied
        entry = self.get_object(request, object_id)
        if entry is None:
            raise Http404
        widget = self._user_widget(request)
        form = ReassignForm(entry, request.POST or None, user_widget=widget)
        is_valid = form.is_valid()
        loss = _loss_of_owner(entry, form.cleaned_data) if is_valid else None
        if is_valid and "confirm" in request.POST:
            self._reassign(request, entry, form.cleaned_data, loss)
            return self.redirect_to_page_of(entry)
        context = {"entry": entry, "loss": loss, "rename_url": self._rename_url(entry)}
        title = _("Reassign a Layer user ID")
        return self._render_form(request, REASSIGN, form, title=title, **context)

    def rename_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for a user and the new ID, ask for confirmation, and give it to the user."""
        if not self.has_rename_permission(request):
            raise PermissionDenied
        widget = self._user_widget(request)
        initial = _initial(request, may_search_users=widget is not None)
        form = RenameForm(request.POST or None, initial=initial, user_widget=widget)
        is_valid = form.is_valid()
        if is_valid and "confirm" in request.POST:
            return self._rename(request, form.cleaned_data)
        context: dict[str, Any] = {}
        if is_valid:
            app, user = form.cleaned_data["app"], form.cleaned_data["user"]
            context["current"] = LayerUser.objects.current(app, user.pk)
            user_id = form.cleaned_data["user_id"]
            context["shown_id"] = make_visible(user_id)
            context["had_before"] = LayerUser.objects.find(app, user_id) is not None
        title = _("Change Layer user ID")
        return self._render_form(request, RENAME, form, title=title, **context)

    def _render_form(
        self, request: HttpRequest, template: str, form: Any, **context: Any
    ) -> HttpResponse:
        """Render the form like Django's, or its confirmation if it is valid."""
        fields = [(None, {"fields": list(form.fields)})]
        context = {
            "form": form,
            "adminform": AdminForm(form, fields, {}, model_admin=self),
            "media": self.media + form.media,
            "confirming": form.is_valid(),
            "may_rename": self.has_rename_permission(request),
            "user_id_change": conf.USER_ID_CHANGE,
            **context,
        }
        return self.render(request, template, **context)

    def _user_widget(self, request: HttpRequest) -> AutocompleteSelect | None:
        """Return Django's widget that searches users, if this person may use it."""
        owner: Any = LayerUser._meta.get_field("owner")
        try:
            users = self.admin_site.get_model_admin(owner.remote_field.model)
        except NotRegistered:
            return None
        is_searched = users.get_search_fields(request)
        if not (is_searched and users.has_view_permission(request)):
            return None
        using = router.db_for_write(LayerUser)
        return AutocompleteSelect(owner, self.admin_site, using=using)

    def _rename_url(self, entry: LayerUser) -> str:
        """Return the address of the page that gives the entry's owner another ID."""
        site = self.admin_site.name
        url = reverse("admin:layer_identity_layeruser_rename", current_app=site)
        return f"{url}?{urlencode({'app': entry.app_id, 'user': entry.owner_id})}"

    def _reassign(
        self,
        request: HttpRequest,
        entry: LayerUser,
        data: dict[str, Any],
        loss: Loss | None,
    ) -> None:
        user, reason, former = data["user"], data["reason"], entry.owner_id
        offer = self._rename_url(entry)  # of the former owner

        def write() -> None:
            ledger.reassign(entry, user, reason=reason, user_id=data.get("user_id"))
            text = _("Reassigned from user %(former)s to user %(user)s: %(reason)s")
            values = {"former": former or "–", "user": user.pk, "reason": reason}
            self._log(request, entry, text % values)

        if not self._write(request, write):
            return
        text = _("The Layer user ID now belongs to %(user)s.")
        self.message_user(request, text % {"user": user}, messages.SUCCESS)
        if loss is None:
            return
        message = loss.text
        if loss.offer and self.has_rename_permission(request):
            link = '{} <a href="{}">{}</a>'
            message = format_html(link, message, offer, loss.offer)
        level = messages.WARNING if loss.is_refused else messages.INFO
        self.message_user(request, message, level)

    def _rename(self, request: HttpRequest, data: dict[str, Any]) -> HttpResponse:
        app, user, user_id = data["app"], data["user"], data["user_id"]

        def write() -> None:
            ledger.rename(app, user, user_id)
            entry: Any = LayerUser.objects.find(app, user_id)
            text = _("Made the current Layer user ID of user %(user)s.")
            self._log(request, entry, text % {"user": user.pk})

        if not self._write(request, write):
            return HttpResponseRedirect(request.get_full_path())
        text = _("The Layer user ID of %(user)s was changed.")
        self.message_user(request, text % {"user": user}, messages.SUCCESS)
        entry: Any = LayerUser.objects.find(app, user_id)
        return self.redirect_to_page_of(entry)

    def _write(self, request: HttpRequest, write: Callable[[], None]) -> bool:
        """Write in a transaction, or show a message and return False."""
        try:
            with transaction.atomic(using=router.db_for_write(LayerUser)):
                write()
        except IntegrityError:  # foreign keys are checked at the end of the transaction
            self.message_user(request, str(USER_DELETED), messages.ERROR)
        except (LayerIdentityError, OperationalError) as exc:
            self.message_user(request, error_message(exc), messages.ERROR)
        else:
            return True
        return False

    def _log(self, request: HttpRequest, entry: LayerUser, text: str) -> None:
        # The history is kept after a user is deleted, so it must not contain login
        # names or Layer user IDs.
        anonymous = LayerUser(pk=entry.pk, digest=entry.digest)
        self.log_change(request, anonymous, text)


def _loss_of_owner(entry: LayerUser, data: dict[str, Any]) -> Loss | None:
    if entry.owner is None or entry.owner == data["user"]:
        return None
    change = conf.USER_ID_CHANGE
    values: dict[str, Any] = {"user": entry.owner, "change": change}
    offer, advice = _("Give %(user)s another Layer user ID") % values, ""
    if change in ("follow", "refuse"):
        offer, advice = "", USER_ID_DECIDES % values
    try:
        assignment = ledger.foresee_loss(entry)
    except UserIDTaken:
        return Loss(f"{TAKEN % values}{advice}", True, offer)
    except UserIDFailed:
        assignment = None  # a function of the project may need the request
    except Refusal as exc:
        values |= {"code": exc.code, "detail": str(exc)}
        return Loss(f"{REFUSED % values}{advice}", True, offer)
    if assignment is None:
        return Loss(f"{UNKNOWN % values}{advice}", True, offer)
    values["user_id"] = assignment.user_id
    if assignment.is_recorded:
        return Loss(KEPT % values, False, "")
    text = RANDOM if assignment.entry is None and is_random() else OTHER
    return Loss(text % values, False, offer)


def _initial(request: HttpRequest, *, may_search_users: bool) -> dict[str, Any]:
    """
    Return the app and the user in the address, or the only app.

    Staff who may not search users get only names that the list of Layer users shows.
    """
    using = router.db_for_write(LayerUser)
    apps = LayerApp.objects.using(using)
    pks = list(apps.values_list("pk", flat=True)[:2])
    initial: dict[str, Any] = {"app": pks[0]} if len(pks) == 1 else {}
    if "app" in request.GET:
        initial["app"] = request.GET["app"]
    with suppress(ValueError, ValidationError):  # a damaged address
        user = stored_users().filter(pk=request.GET.get("user")).first()
        entries = LayerUser.objects.using(using)
        if may_search_users or (user and entries.filter(owner=user.pk).exists()):
            initial["user"] = user
    return initial
