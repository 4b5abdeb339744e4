"""Look Layer apps up, and hold them still while their keys change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import IntegrityError, connections, models, router, transaction
from django.db.models import F, FilteredRelation, Q
from django.utils import timezone

from django_layer_identity.exceptions import (
    AppExists,
    AppIDRequired,
    AppUnknown,
    InvalidIdentifier,
    NotFound,
)
from django_layer_identity.protocol.identifiers import AppID, ProviderID

if TYPE_CHECKING:
    from django_layer_identity.models.app import LayerApp


class LayerAppManager(models.Manager["LayerApp"]):
    def for_issuing(
        self, app: LayerApp | str | None, user_pk: object = None
    ) -> LayerApp:
        """
        Return the enabled app with its active key: one query, in the write database.

        :param app: a Layer app, an app ID in any form, or None for the only one.
        :param user_pk: whose entry of the ledger is to come along, if he has one.
        :raises AppIDRequired: if None was given and several are enabled.
        :raises AppUnknown: if there is no such app, or it is disabled.
        """
        enabled = self.using(router.db_for_write(self.model)).filter(enabled=True)
        along = ["active_key"]
        if user_pk is not None:
            current = FilteredRelation("users", condition=Q(users__current_for=user_pk))
            enabled = enabled.alias(**{"entry": current})
            along.append("entry")
        enabled = enabled.select_related(*along)
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

    def lock(self, pk: int, using: str) -> None:
        """Hold an app's row to the end of the transaction: its keys change in turn."""
        if not connections[using].features.has_select_for_update:
            # SQLite: begin to write before anything is read, so that whoever comes
            # second waits, and is not told that what he read has changed.
            self.using(using).filter(pk=pk).update(enabled=F("enabled"))
        self.using(using).select_for_update().get(pk=pk)

    def freeze(self, pk: int, using: str) -> None:
        """Note that tokens may name the app's IDs from now on."""
        fresh = self.using(using).filter(pk=pk, frozen_at__isnull=True)
        fresh.update(frozen_at=timezone.now())

    def ensure(self, *, name: str, app_id: AppID, provider_id: ProviderID) -> LayerApp:
        """
        Return the app, created if need be: the same again changes nothing.

        :param app_id: its environment is production if it names none.
        :raises AppExists: if an app of that ID differs in anything else.
        :raises ValidationError: if the name is too long.
        """
        app = self.model(
            name=name,
            app_id=app_id.uuid,
            environment=app_id.environment or "production",
            provider_id=provider_id.uuid,
        )
        app.clean_fields()
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
