"""The front page of the app: each Layer app at a glance, and what needs attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.apps import apps as installed_apps
from django.db import Error, router
from django.db.models import Count, OuterRef, Subquery
from django.utils import timezone

from django_layer_identity.admin.display import NEXT_STEPS, active_key_state, age
from django_layer_identity.doctor import ERROR, OK, Finding, run_checks
from django_layer_identity.models import LayerApp, LayerUser, SigningKey

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import Model
    from django.utils.functional import _StrPromise
    from django.utils.safestring import SafeString

MAX_COUNT = 10_000  # Layer users that are counted per app; a larger count is slow


@dataclass
class Row:
    """One Layer app. What the person may not view is None."""

    app: LayerApp
    users: int | None = None
    issued: int | None = None
    refused: int | None = None
    #: A key that could become the active one, if the app needs one.
    candidate: SigningKey | None = None

    @property
    def next_step(self) -> _StrPromise:
        """The text of the link to the page of the candidate."""
        texts = {state: text for state, _permission, text in NEXT_STEPS}
        return texts[self.candidate.state]  # type: ignore[union-attr]

    @property
    def active(self) -> SigningKey | None:
        return getattr(self.app, "active_key", None)

    @property
    def state(self) -> SafeString:
        return active_key_state(self.app, self.active)

    @property
    def age(self) -> str:
        return age(self.active) if self.active else ""

    @property
    def needs_key(self) -> bool:
        active = self.active
        return self.app.enabled and (active is None or active.lacks_encryption_key)


class Overview:
    """
    What one person sees on the front page of one admin site.

    ``available_apps`` is Django's list of the models that are registered in the site and
    that the person may see. The number of queries does not depend on the number of Layer
    apps.
    """

    def __init__(self, user: Any, available_apps: Iterable[Any]) -> None:
        self.user = user
        models = (model for app in available_apps for model in app["models"])
        self.pages = {model["model"]: model for model in models}
        self.rows: list[Row] = []
        self.findings: list[Finding] = []
        self.chart: dict[str, Any] | None = None
        self.is_broken = False
        if self.may_view(LayerApp):
            self.findings = self._findings()
            try:
                self._load()
            except Error:
                self.is_broken = True

    @property
    def max_count(self) -> int:
        return MAX_COUNT

    def may_view(self, model: type[Model]) -> bool:
        """Return whether the model has pages in this site that the person may view."""
        return bool(self.pages.get(model, {}).get("perms", {}).get("view"))

    @property
    def views_apps(self) -> bool:
        return self.may_view(LayerApp)

    @property
    def views_keys(self) -> bool:
        return self.may_view(SigningKey)

    @property
    def views_users(self) -> bool:
        return self.may_view(LayerUser)

    @property
    def add_app_url(self) -> Any:
        """The URL, or None without the permission."""
        return self.pages[LayerApp].get("add_url")

    @property
    def add_key_url(self) -> Any:
        """The URL, or None without the permission or the page."""
        return self.pages.get(SigningKey, {}).get("add_url")

    def _findings(self) -> list[Finding]:
        """Return what is wrong. It names keys and counts entries of the audit trail."""
        if not self.views_keys:
            return []
        try:
            findings = run_checks(quick=True)
        except Error as exc:
            return [Finding("database", ERROR, f"The database failed: {exc}")]
        hidden = {OK} if self._views_audit_trail else {OK, "refusals"}
        shown = [found for found in findings if not {found.id, found.severity} & hidden]
        return sorted(shown, key=lambda found: found.severity != ERROR)

    def _load(self) -> None:
        apps = LayerApp.objects.using(router.db_for_write(LayerApp))
        apps = apps.select_related("active_key").order_by("name", "pk")
        self.rows = [Row(app) for app in apps]
        if self.views_users:
            counts = count_users()
            for row in self.rows:
                row.users = counts.get(row.app.pk, 0)
        if self.views_keys:
            self._find_candidates()
        if self._views_audit_trail:
            self._count_outcomes()

    @property
    def _views_audit_trail(self) -> bool:
        if not installed_apps.is_installed("django_layer_identity.audit"):
            return False
        from django_layer_identity.audit.models import AuditEntry

        return self.may_view(AuditEntry)

    def _find_candidates(self) -> None:
        needy = {row.app.pk: row for row in self.rows if row.needs_key}
        keys = SigningKey.objects.using(router.db_for_write(SigningKey)).filter(
            app__in=needy, destroyed_at=None
        )
        usable = [key for key in keys.order_by("pk") if not key.lacks_encryption_key]
        for state, permission, _text in reversed(NEXT_STEPS):  # the best comes last
            if self.user.has_perm(f"layer_identity.{permission}"):
                for key in usable:
                    if key.state == state:
                        needy[key.app_id].candidate = key

    def _count_outcomes(self) -> None:
        from django_layer_identity.audit.models import AuditEntry
        from django_layer_identity.audit.statistics import (
            build_chart,
            count_by_app,
            count_by_hour,
        )

        entries = AuditEntry.objects.using(router.db_for_write(AuditEntry))
        hours = count_by_hour(entries, timezone.now())
        self.chart = build_chart(hours)
        counts = count_by_app(entries, hours[0].start)
        for row in self.rows:
            row.issued, row.refused = counts.get(str(row.app.identifier), (0, 0))


def count_users() -> dict[int, int]:
    """
    Return the number of ledger entries by app, at most :data:`MAX_COUNT` plus one each.

    Both queries read only the index that begins with the app.
    """
    using = router.db_for_write(LayerUser)
    entries = LayerUser.objects.using(using).order_by()
    same_app = entries.filter(app=OuterRef("pk")).order_by("app", "digest")
    beyond = Subquery(same_app.values("app")[MAX_COUNT : MAX_COUNT + 1])
    apps = LayerApp.objects.using(using).annotate(beyond=beyond)
    is_large = dict(apps.values_list("pk", "beyond"))
    small = [pk for pk, beyond in is_large.items() if beyond is None]
    counts = entries.filter(app__in=small).values_list("app").annotate(n=Count("*"))
    return {
        **dict.fromkeys(is_large, MAX_COUNT + 1),
        **dict.fromkeys(small, 0),
        **dict(counts),
    }
