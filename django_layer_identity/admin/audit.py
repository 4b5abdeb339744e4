"""The trail in the admin: to be read, filtered and charted, and never changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from django_layer_identity.admin.base import ReadOnlyAdmin
from django_layer_identity.admin.inputs import refuse_search
from django_layer_identity.audit.chart import draw
from django_layer_identity.audit.filters import AppFilter, KeyFilter, OutcomeFilter
from django_layer_identity.audit.models import ISSUED, AuditEntry
from django_layer_identity.audit.statistics import count_by_hour
from django_layer_identity.protocol.identifiers import AppID

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.utils.safestring import SafeString


@admin.display(description=_("outcome"), ordering="code")
def outcome(entry: AuditEntry) -> SafeString:
    kind = ISSUED if entry.code == ISSUED else "refused"
    return format_html(
        '<span class="layer-outcome layer-outcome-{}">{}</span>', kind, entry.code
    )


@admin.display(description=_("key"), ordering="fingerprint")
def short_fingerprint(entry: AuditEntry) -> str:
    return entry.fingerprint and f"{entry.fingerprint[:16]}…"


@admin.display(description=_("app ID"), ordering="app_id")
def short_app_id(entry: AuditEntry) -> str:
    """Leave out what all of them have: production/aaaaaaaa…"""
    environment, _, uuid = entry.app_id.removeprefix(AppID.prefix).partition("/")
    return uuid and f"{environment}/{uuid[:8]}…"


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
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
    search_help_text = _("A user's primary key, a nonce digest or an address, in full.")
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-pk")
    show_full_result_count = False  # a trail may be long, and counting all of it slow
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

    class Media:
        css = {"all": ("layer_identity_audit/admin.css",)}

    def changelist_view(
        self, request: HttpRequest, extra_context: Any = None
    ) -> HttpResponse:
        """Chart what the list is filtered to."""
        if refused := refuse_search(request):
            return refused
        response = super().changelist_view(request, extra_context)
        context = getattr(response, "context_data", {})  # a redirect has none
        if "cl" in context:
            hours = count_by_hour(context["cl"].queryset, timezone.now())
            context["chart"] = draw(hours)
        return response
