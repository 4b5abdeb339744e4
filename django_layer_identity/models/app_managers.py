"""Look Layer apps up, and hold them still while their keys change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, models, router, transaction
from django.db.models import F, FilteredRelation, Q
from django.utils import timezone

from django_layer_identity.exceptions import (
    AppExists,
    AppFrozen,
    AppIDRequired,
    AppUnknown,
    InvalidIdentifier,
    NotFound,
)
from django_layer_identity.protocol.identifiers import AppID, ProviderID

if TYPE_CHECKING:
    from django_layer_identity.models.app import LayerApp


#: What freezes when a key of the app becomes active for the first time.
FROZEN_IDS = ("app_id", "environment", "provider_id")


class LayerAppQuerySet(models.QuerySet["LayerApp"]):
    def update(self, **values: Any) -> int:
        """
        Change these apps.

        :raises AppFrozen: if an ID is among the values and those of an app are frozen.
        """
        if not set(FROZEN_IDS) & set(values):
            return super().update(**values)
        using = router.db_for_write(self.model)
        with transaction.atomic(using=using):
            held = self.using(using).select_for_update()
            if any(held.values_list("frozen_at", flat=True)):
                raise AppFrozen(
                    "A key of one of these Layer apps has been active: their IDs stay."
                )
            return super().update(**values)


class LayerAppManager(models.Manager["LayerApp"]):
    def get_queryset(self) -> LayerAppQuerySet:
        return LayerAppQuerySet(self.model, using=self._db)

    def for_issuing(self, app: LayerApp | str | None, user_pk: object) -> LayerApp:
        """
        Return the enabled app, with its active key and the user's entry of the ledger.

        Each may be missing. This is one query, in the write database.

        :param app: a Layer app, an app ID in any form, or None for the only one.
        :raises AppIDRequired: if None was given and several are enabled.
        :raises AppUnknown: if there is no such app, or it is disabled.
        """
        current = FilteredRelation("users", condition=Q(users__current_for=user_pk))
        entry = {"entry": current}
        enabled = self.using(router.db_for_write(self.model)).filter(enabled=True)
        enabled = enabled.alias(**entry).select_related("active_key", *entry)
        if app is None:
            return self._only_one(list(enabled[:2]))
        try:
            wanted = app.identifier if isinstance(app, self.model) else AppID.parse(app)
        except InvalidIdentifier as exc:
            raise AppUnknown from exc
        found = enabled.filter(app_id=wanted.uuid).first()
        if found is None or not found.identifier.matches(wanted):
            raise AppUnknown
        return found

    @staticmethod
    def _only_one(apps: list[LayerApp]) -> LayerApp:
        if len(apps) > 1:
            raise AppIDRequired
        if not apps:
            raise AppUnknown
        return apps[0]

    def named(self, text: str | None) -> LayerApp:
        """
        Return the app that an administrator means, enabled or not.

        :param text: an app ID in any accepted form, or None for the only app.
        :raises NotFound: if there is none, or None was given and there are several.
        :raises InvalidIdentifier: if the text is no app ID.
        """
        if text is None:
            apps = list(self.all()[:2])
            if len(apps) != 1:
                raise NotFound("Name the Layer app: there is not exactly one.")
            return apps[0]
        wanted = AppID.parse(text)
        found = self.filter(app_id=wanted.uuid).first()
        if found is None or not found.identifier.matches(wanted):
            raise NotFound(f"There is no Layer app with the app ID {wanted}.")
        return found

    def lock(self, pk: int, using: str) -> LayerApp | None:
        """
        Hold an app's row to the end of the transaction: its keys change in turn.

        :returns: the app as it is stored, or None if it is not.
        """
        # An update first, as SQLite locks nothing for a select: whoever comes second
        # waits here, and is not told later that what he read has changed.
        rows = self.using(using).filter(pk=pk)
        rows.update(enabled=F("enabled"))
        return rows.select_for_update().first()

    def freeze(self, pk: int, using: str) -> None:
        """Note that tokens may name the app's IDs from now on."""
        fresh = self.using(using).filter(pk=pk, frozen_at__isnull=True)
        fresh.update(frozen_at=timezone.now())

    def ensure(self, *, name: str, app_id: AppID, provider_id: ProviderID) -> LayerApp:
        """
        Return the app, created if need be: the same again changes nothing.

        :param app_id: its environment is production if it names none.
        :raises AppExists: if an app of that ID differs in anything else.
        :raises ValidationError: if the name is too long or holds a private key.
        """
        app = self.model(
            name=name,
            app_id=app_id.uuid,
            environment=app_id.environment or "production",
            provider_id=provider_id.uuid,
        )
        app.clean_fields()
        app.clean()
        try:
            with transaction.atomic(using=router.db_for_write(self.model)):
                app.save(force_insert=True)
        except IntegrityError:
            pass  # there is one
        else:
            return app
        found = self.using(router.db_for_write(self.model)).get(app_id=app.app_id)
        for field in ("name", "environment", "provider_id"):
            if getattr(found, field) != getattr(app, field):
                raise AppExists(
                    f"There is a Layer app with this app ID, and its {field} is "
                    f"{getattr(found, field)}."
                )
        return found
