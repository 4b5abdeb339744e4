"""The audit trail in the admin: a read-only list with filters and a chart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from django_layer_identity.admin.base import LayerModelAdmin, ReadOnly
from django_layer_identity.admin.display import badge
from django_layer_identity.audit.models import ISSUED, AuditEntry
from django_layer_identity.audit.statistics import build_chart, count_by_hour
from django_layer_identity.exceptions import Refusal
from django_layer_identity.models import LayerApp, SigningKey
from django_layer_identity.protocol.identifiers import AppID

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString

REFUSED = "refused"  # every code except ISSUED


class _Filter(admin.SimpleListFilter):
    """Compare one column with the chosen value."""

    column: str

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        value = self.value()
        return queryset if value is None else queryset.filter(**{self.column: value})


class OutcomeFilter(_Filter):
    title = _("outcome")
    parameter_name = "outcome"
    column = "code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[Any]:
        codes = sorted({refusal.code for refusal in _subclasses(Refusal)})
        return [
            (ISSUED, _("issued")),
            (REFUSED, _("refused (any reason)")),
            *((code, code) for code in codes),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() == REFUSED:
            return queryset.exclude(code=ISSUED)
        return super().queryset(request, queryset)


class AppFilter(_Filter):
    title = _("Layer app")
    parameter_name = column = "app_id"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[Any]:
        return [(str(app.identifier), app.name) for app in LayerApp.objects.all()]


class KeyFilter(_Filter):
    title = _("signing key")
    parameter_name = column = "fingerprint"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[Any]:
        fingerprints = SigningKey.objects.values_list("fingerprint", flat=True)
        return [(digits, f"{digits[:16]}…") for digits in sorted(set(fingerprints))]


def _subclasses(refusal: type[Refusal]) -> Iterator[type[Refusal]]:
    for subclass in refusal.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


@admin.display(description=_("outcome"), ordering="code")
def outcome(entry: AuditEntry) -> SafeString:
    return badge(ISSUED if entry.code == ISSUED else REFUSED, entry.code)


@admin.display(description=_("key"), ordering="fingerprint")
def short_fingerprint(entry: AuditEntry) -> str:
    return entry.fingerprint and f"{entry.fingerprint[:16]}…"


@admin.display(description=_("app ID"), ordering="app_id")
def short_app_id(entry: AuditEntry) -> str:
    """Shorten the app ID: production/aaaaaaaa…"""
    environment, _, uuid = entry.app_id.removeprefix(AppID.prefix).partition("/")
    return uuid and f"{environment}/{uuid[:8]}…"


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly, LayerModelAdmin):
    list_display = (
        "created_at",
        outcome,
        "user_pk",
        "impersonator_pk",
        short_app_id,
        short_fingerprint,
        "address",
    )
    list_filter = ("created_at", OutcomeFilter, AppFilter, KeyFilter)
    search_fields = (
        "user_pk__exact",
        "impersonator_pk__exact",
        "nonce_digest__exact",
        "address__exact",
    )
    search_help_text = _(
        "Enter a user's primary key, a nonce digest or an IP address. Enter the "
        "complete value: a part of it finds nothing."
    )
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-pk")
    show_full_result_count = False  # counting a long audit trail is slow
    fields: ClassVar[Any] = (
        "created_at",
        outcome,
        "user_pk",
        "impersonator_pk",
        "app_id",
        "fingerprint",
        "nonce_digest",
        "address",
    )
    readonly_fields: ClassVar[Any] = fields

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
