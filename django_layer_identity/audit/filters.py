"""What the trail is filtered by, offered from what there is and not from its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from django_layer_identity.audit.models import ISSUED
from django_layer_identity.exceptions import Refusal
from django_layer_identity.models import LayerApp, SigningKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.db.models import QuerySet
    from django.http import HttpRequest

REFUSED = "refused"  # whatever the reason


class _Filter(admin.SimpleListFilter):
    """Compares one column with what was chosen."""

    column: str

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        value = self.value()
        return queryset if value is None else queryset.filter(**{self.column: value})


class OutcomeFilter(_Filter):
    title = _("outcome")
    parameter_name = "outcome"
    column = "code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[Any]:
        codes = sorted({kind.code for kind in _below(Refusal)})
        return [
            (ISSUED, _("issued")),
            (REFUSED, _("refused, for any reason")),
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
        return [(one, f"{one[:16]}…") for one in sorted(set(fingerprints))]


def _below(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)
