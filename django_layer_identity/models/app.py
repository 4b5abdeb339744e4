"""The Layer apps that users of this project may enter."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, router, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from django_layer_identity.exceptions import (
    AppExists,
    AppFrozen,
    InvalidIdentifier,
    NotFound,
)
from django_layer_identity.keys.reading import holds_key
from django_layer_identity.protocol.claims import MAX_LIFETIME
from django_layer_identity.protocol.identifiers import (
    ENVIRONMENTS,
    AppID,
    KeyID,
    ProviderID,
)

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

    def named(self, text: str | None) -> LayerApp:
        """
        Return the app that an administrator means, enabled or not, as it is stored.

        :param text: an app ID in any accepted form, or None for the only app.
        :raises NotFound: if there is none, or None was given and there are several.
        :raises InvalidIdentifier: if the text is no app ID.
        """
        stored = self.using(router.db_for_write(self.model))
        if text is None:
            apps = list(stored[:2])
            if len(apps) != 1:
                raise NotFound("Name the Layer app: there is not exactly one.")
            return apps[0]
        wanted = AppID.parse(text)
        found = stored.filter(app_id=wanted.uuid).first()
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


KEY_IN_NAME = _("A name must not hold a private key or a part of one.")
IDS_STAY = _("A key of this Layer app has been active: its IDs stay as they are.")


class LayerApp(models.Model):
    """An app in Layer's dashboard, together with the provider that vouches for it."""

    name = models.CharField(
        _("name"), max_length=100, help_text=_("For the people who work here.")
    )
    app_id = models.UUIDField(
        _("app ID"),
        unique=True,
        help_text=_("From Layer's dashboard; clients name it in their requests."),
    )
    environment = models.CharField(
        _("environment"),
        max_length=10,
        choices=[(name, name) for name in ENVIRONMENTS],
        default="production",
    )
    provider_id = models.UUIDField(
        _("provider ID"), help_text=_("From Layer's dashboard; names who signs.")
    )
    enabled = models.BooleanField(
        _("enabled"),
        default=True,
        help_text=_("A disabled app gets no tokens; clients are told it is unknown."),
    )
    token_lifetime = models.DurationField(
        _("token lifetime"),
        null=True,
        blank=True,
        help_text=_("Empty for the project's setting; at most 24 hours."),
    )
    #: When a key of the app became active for the first time: its IDs stay from then on.
    frozen_at = models.DateTimeField(_("IDs frozen at"), null=True, editable=False)

    objects = LayerAppManager()

    class Meta:
        verbose_name = _("Layer app")
        verbose_name_plural = _("Layer apps")
        constraints = [
            models.CheckConstraint(
                name="layer_identity_app_token_lifetime",
                condition=Q(token_lifetime__isnull=True)
                | Q(token_lifetime__gt=timedelta(0), token_lifetime__lte=MAX_LIFETIME),
                violation_error_message=_("A token lives for at most 24 hours."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, **kwargs: Any) -> None:
        """
        Store the app.

        :raises AppFrozen: if an ID differs and a key of the app has been active.
        """
        using = kwargs.get("using") or router.db_for_write(LayerApp, instance=self)
        with transaction.atomic(using=using):
            if stored := LayerApp.objects.lock(self.pk, using):
                self.frozen_at = stored.frozen_at
                if self._frozen_changes(stored):
                    raise AppFrozen(str(IDS_STAY))
            super().save(**kwargs)

    def clean(self) -> None:
        """Show beside the field what :meth:`save` would refuse, and a key in the name."""
        if holds_key(self.name or ""):
            raise ValidationError({"name": KEY_IN_NAME})
        using = router.db_for_write(LayerApp, instance=self)
        stored = LayerApp.objects.using(using).filter(pk=self.pk).first()
        if changed := stored and self._frozen_changes(stored):
            raise ValidationError(dict.fromkeys(changed, IDS_STAY))

    @property
    def identifier(self) -> AppID:
        """The app ID with its environment, as Layer writes it."""
        return AppID(self.app_id, self.environment)

    @property
    def provider(self) -> ProviderID:
        """The provider ID, as Layer writes it."""
        return ProviderID(self.provider_id)

    def _frozen_changes(self, stored: LayerApp) -> list[str]:
        if stored.frozen_at is None:
            return []
        fields = [f for f in self._meta.concrete_fields if f.name in FROZEN_IDS]
        return [
            field.name
            for field in fields
            # Who sets an ID in code may have set a text.
            if field.to_python(getattr(self, field.name)) != getattr(stored, field.name)
        ]

    def check_key_id(self, key_id: str | UUID) -> UUID:
        """
        Read the ID that Layer gave to a key of this app.

        :raises InvalidIdentifier: if it is malformed, or the ID of something else.
        """
        uuid = KeyID.parse(key_id).uuid
        for other, name in ((self.provider_id, "provider"), (self.app_id, "app")):
            if uuid == other:
                raise InvalidIdentifier(
                    f"This is the Layer app's {name} ID; a key ID belongs here."
                )
        return uuid
