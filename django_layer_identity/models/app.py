"""The Layer apps that users of this project may enter."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import models, router, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from django_layer_identity.exceptions import AppFrozen, InvalidIdentifier
from django_layer_identity.keys.reading import holds_key
from django_layer_identity.models.app_managers import FROZEN_IDS, LayerAppManager
from django_layer_identity.protocol.claims import MAX_LIFETIME
from django_layer_identity.protocol.identifiers import (
    ENVIRONMENTS,
    AppID,
    KeyID,
    ProviderID,
)

if TYPE_CHECKING:
    from django_layer_identity.models.user import LayerUser

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

    #: What the ledger has for the user on whose behalf the app was looked up.
    entry: LayerUser | None = None

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
