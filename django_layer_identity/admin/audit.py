"""The audit trail in the admin: a read-only list with filters and a chart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import router
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from django_layer_identity.admin.base import LayerModelAdmin, ReadOnly
from django_layer_identity.admin.display import badge
from django_layer_identity.admin.forms import users_by_login_name
from django_layer_identity.audit.models import ISSUED, AuditEntry
from django_layer_identity.audit.statistics import build_chart, count_by_hour
from django_layer_identity.exceptions import refusals_by_code
from django_layer_identity.mapping.users import users_by_pk
from django_layer_identity.models import LayerApp
from django_layer_identity.protocol.identifiers import AppID

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString

REFUSED = "refused"  # every code except ISSUED


class _Filter(admin.SimpleListFilter):
    """Compare one column with the chosen value. The choices are values that occur."""

    column: str
    #: Return the choices for these values, each with its label.
    label: Callable[[Collection[str]], Iterable[Any]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[Any]:
        # The chosen value is a choice in any case: without one, the list is unfiltered.
        chosen = self.value()
        added = [] if chosen in (None, REFUSED) else [chosen]
        entries = model_admin.get_queryset(request)
        return self.label({*entries.occurring(self.column), *added})

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        value = self.value()
        return queryset if value is None else queryset.filter(**{self.column: value})


class OutcomeFilter(_Filter):
    title = _("outcome")
    parameter_name = "outcome"
    column = "code"

    def label(self, values: Collection[str]) -> Iterable[Any]:
        codes = sorted(set(values) - {ISSUED})
        if ISSUED in values:
            yield ISSUED, _("issued")
        if codes or self.value() == REFUSED:
            yield REFUSED, _("refused (any reason)")
        yield from ((code, in_words(code)) for code in codes)

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() == REFUSED:
            return queryset.exclude(code=ISSUED)
        return super().queryset(request, queryset)


class AppFilter(_Filter):
    title = _("Layer app")
    parameter_name = column = "app_id"

    def label(self, values: Collection[str]) -> Iterable[Any]:
        apps = LayerApp.objects.using(router.db_for_write(LayerApp))
        names = {str(app.identifier): app.name for app in apps}
        return [
            (value, names.get(value, shorten_app_id(value))) for value in sorted(values)
        ]


class KeyFilter(_Filter):
    title = _("signing key")
    parameter_name = column = "fingerprint"

    def label(self, values: Collection[str]) -> Iterable[Any]:
        return [(digits, f"{digits[:16]}…") for digits in sorted(values)]


def name_of(user: Any) -> str:
    """Return the login name, or the primary key if the name is empty."""
    return str(getattr(user, "get_username", user.__str__)() or user.pk)


def in_words(code: str) -> str:
    """Return the code as words: user_id_taken is “user ID taken”."""
    words = code.replace("csrf", "CSRF").split("_")
    return " ".join("ID" if word == "id" else word for word in words)


def shorten_app_id(app_id: str) -> str:
    """Shorten the app ID: production/aaaaaaaa…"""
    environment, _, uuid = app_id.removeprefix(AppID.prefix).partition("/")
    return uuid and f"{environment}/{uuid[:8]}…"


@admin.display(description=_("time"), ordering="created_at")
def time(entry: AuditEntry) -> SafeString:
    """Show the time with its seconds, unlike Django's formats, on one or two lines."""
    at = entry.created_at
    local = timezone.localtime(at) if timezone.is_aware(at) else at
    words = [(f"{local:%Y-%m-%d}",), (f"{local:%H:%M:%S}",)]
    return format_html_join(" ", '<span class="layer-word">{}</span>', words)


@admin.display(description=_("outcome"), ordering="code")
def outcome(entry: AuditEntry) -> SafeString:
    return badge(ISSUED if entry.code == ISSUED else REFUSED, in_words(entry.code))


@admin.display(description=_("outcome"))
def explained_outcome(entry: AuditEntry) -> SafeString:
    """Show the outcome, and the sentence that the client gets for it."""
    refusal = refusals_by_code().get(entry.code)
    return format_html("{} {}", outcome(entry), refusal.detail if refusal else "")


@admin.display(description=_("code"))
def code(entry: AuditEntry) -> str:
    return entry.code


@admin.display(description=_("what to do"))
def advice(entry: AuditEntry) -> str:
    refusal = refusals_by_code().get(entry.code)
    return refusal.advice if refusal else ""


@admin.display(description=_("user"))
def user(entry: Any) -> Any:
    return entry.names.get(entry.user_pk, entry.user_pk)


@admin.display(description=_("impersonator"))
def impersonator(entry: Any) -> Any:
    return entry.names.get(entry.impersonator_pk, entry.impersonator_pk)


@admin.display(description=_("user"), ordering="user_pk")
def user_or_impersonated_user(entry: AuditEntry) -> Any:
    if not entry.impersonator_pk:
        return user(entry)
    text = str(_("{user}, impersonated by {impersonator}"))
    return format_html(text, user=user(entry), impersonator=impersonator(entry))


@admin.display(description=_("key"), ordering="fingerprint")
def short_fingerprint(entry: AuditEntry) -> str:
    return entry.fingerprint and f"{entry.fingerprint[:8]}…"


@admin.display(description=_("app ID"), ordering="app_id")
def short_app_id(entry: AuditEntry) -> SafeString | str:
    environment, slash, uuid = shorten_app_id(entry.app_id).partition("/")
    return format_html("{}{}<wbr>{}", environment, slash, uuid) if uuid else ""


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly, LayerModelAdmin):
    list_display = (
        time,
        outcome,
        user_or_impersonated_user,
        "address",
        short_app_id,
        short_fingerprint,
    )
    list_filter = ("created_at", OutcomeFilter, AppFilter, KeyFilter)
    search_fields = ("user_pk",)  # shows the search box; get_search_results() searches
    search_help_text = _(
        "Enter a user's login name or primary key, a nonce digest or an IP address. Enter "
        "the complete value: a part of it finds nothing."
    )
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-pk")
    show_full_result_count = False  # counting a long audit trail is slow
    fields: ClassVar[Any] = (
        time,
        explained_outcome,
        advice,
        code,
        user,
        "user_pk",
        "refusals",
        impersonator,
        "app_id",
        "fingerprint",
        "nonce_digest",
        "address",
    )
    readonly_fields: ClassVar[Any] = fields

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave out the advice if it is empty, and the link if no user is known."""
        unused = {
            advice: obj is None or not advice(obj),
            "refusals": obj is None or not obj.user_pk,
        }
        return [field for field in self.fields if not unused.get(field)]

    @admin.display(description=_("refusals"))
    def refusals(self, entry: AuditEntry) -> SafeString:
        """Link to all refusals of the user."""
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"
        page = reverse(name, current_app=self.admin_site.name)
        query = urlencode({"user_pk": entry.user_pk, "outcome": REFUSED})
        text = _("All refusals of this user, latest first")
        return format_html('<a href="{}?{}">{}</a>', page, query, text)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """Search by login name and by the exact values that are stored."""
        if not search_term:
            return queryset, False
        try:
            users = users_by_login_name(search_term).values_list("pk", flat=True)
            pks = [search_term, *map(str, users)]
        except (ValueError, ValidationError):  # login names may be numbers or UUIDs
            pks = [search_term]
        by_user = Q(user_pk__in=pks) | Q(impersonator_pk__in=pks)
        others = Q(nonce_digest=search_term) | Q(address=search_term)
        return queryset.filter(by_user | others), False

    def changelist_view(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Add a chart of the filtered entries."""
        response = super().changelist_view(request, *args, **kwargs)
        context = getattr(response, "context_data", {})  # a redirect has no context
        if "cl" in context:
            hours = count_by_hour(context["cl"].queryset, timezone.now())
            context["chart"] = build_chart(hours)
        return response

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        self._name_users(request, changelist.result_list)
        return changelist

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        entry = super().get_object(request, *args, **kwargs)
        if entry is not None:
            self._name_users(request, [entry])
        return entry

    def _name_users(self, request: HttpRequest, entries: Iterable[Any]) -> None:
        """Give each entry the names of all users, which one query finds."""
        pks = {pk for entry in entries for pk in (entry.user_pk, entry.impersonator_pk)}
        is_linked = self._may_view_users(request)
        names = {
            pk: self._link(found) if is_linked else name_of(found)
            for pk, found in users_by_pk(pks - {""}).items()
        }
        for entry in entries:
            entry.names = names

    def _may_view_users(self, request: HttpRequest) -> bool:
        model = get_user_model()
        if not self.admin_site.is_registered(model):
            return False
        pages: Any = self.admin_site.get_model_admin(model)
        return bool(pages.has_view_or_change_permission(request))

    def _link(self, user: Any) -> SafeString:
        """Return the user's name with a link to the user's admin page."""
        name = f"admin:{user._meta.app_label}_{user._meta.model_name}_change"
        site = self.admin_site.name
        page = reverse(name, args=[quote(user.pk)], current_app=site)
        return format_html('<a href="{}">{}</a>', page, name_of(user))
