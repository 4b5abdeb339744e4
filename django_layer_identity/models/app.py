"""Layer apps, and their lookups and row lock."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
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
from django_layer_identity.protocol.claims import MAX_LIFETIME, MIN_LIFETIME
from django_layer_identity.protocol.identifiers import (
    ENVIRONMENTS,
    AppID,
    KeyID,
    ProviderID,
)

#: Immutable after the first activation of one of the app's keys.
FROZEN_IDS = ("app_id", "environment", "provider_id")

KEY_IN_NAME = _("A name must not contain a private key or a part of one.")
SAME_IDS = _(
    "The app ID and the provider ID are the same, so one of them is wrong. Make up two "
    "different UUIDs. If they are from Layer's dashboard: the app ID began with "
    "layer:///apps/ there, and the provider ID with layer:///providers/."
)
NO_APP = "There is no Layer app. Create one in the admin or with layer_app_create."
SEVERAL_APPS = (
    "There are several Layer apps. Name one by its app ID, in a command with --app."
)
SEVERAL_ENABLED = _(
    "%(n)s Layer apps are enabled now: requests without app_id are refused with 400 "
    "app_id_required."
)
IDS_ARE_FROZEN = _(
    "The app ID, environment and provider ID cannot change, because a key of this Layer "
    "app has been active."
)


class LayerAppQuerySet(models.QuerySet["LayerApp"]):
    def update(self, **values: Any) -> int:
        """
        Run the update, unless it sets :data:`FROZEN_IDS` of an app that is frozen.

        :raises AppFrozen: if a key of one of these apps has been active.
        """
        if not set(FROZEN_IDS) & set(values):
            return super().update(**values)
        using = router.db_for_write(self.model)
        with transaction.atomic(using=using):
            held = self.using(using).select_for_update()
            if any(held.values_list("frozen_at", flat=True)):
                raise AppFrozen(
                    "The app ID, environment and provider ID of a Layer app cannot change "
                    "after one of its keys has been active."
                )
            return super().update(**values)


class LayerAppManager(models.Manager["LayerApp"]):
    def get_queryset(self) -> LayerAppQuerySet:
        return LayerAppQuerySet(self.model, using=self._db)

    def get_by_app_id(self, text: str | None) -> LayerApp:
        """
        Return the app with this ID from the write database, enabled or not.

        :param text: an app ID in any accepted form, or None for the only app.
        :raises NotFound: if there is no such app, or None was given and there is not
            exactly one.
        :raises InvalidIdentifier: if the text is not an app ID.
        """
        stored = self.using(router.db_for_write(self.model))
        if text is None:
            apps = list(stored[:2])
            if len(apps) == 1:
                return apps[0]
            raise NotFound(SEVERAL_APPS if apps else NO_APP)
        wanted = AppID.parse(text)
        found = stored.filter(app_id=wanted.uuid).first()
        if found is None or not found.identifier.matches(wanted):
            raise NotFound(f"There is no Layer app with the app ID {wanted}.")
        return found

    def several_enabled(self) -> str:
        """Return what changes for clients if several apps are enabled, otherwise ``""``."""
        stored = self.using(router.db_for_write(self.model))
        count = stored.filter(enabled=True).count()
        return str(SEVERAL_ENABLED % {"n": count}) if count > 1 else ""

    def lock(self, pk: int, using: str) -> LayerApp | None:
        """
        Lock the app's row until the transaction ends; its keys change one at a time.

        :returns: the stored app, or None if it does not exist.
        """
        # SQLite ignores SELECT FOR UPDATE, so a no-op UPDATE takes the lock first.
        rows = self.using(using).filter(pk=pk)
        rows.update(enabled=F("enabled"))
        return rows.select_for_update().first()

    def freeze(self, pk: int, using: str) -> None:
        """Make the app's IDs immutable, because tokens may contain them now."""
        fresh = self.using(using).filter(pk=pk, frozen_at__isnull=True)
        fresh.update(frozen_at=timezone.now())

    freeze.alters_data = True  # type: ignore[attr-defined]

    def get_or_create_exact(
        self, *, name: str, app_id: AppID, provider_id: ProviderID
    ) -> LayerApp:
        """
        Return the app with exactly these values; create it if it does not exist.

        :param app_id: an ID without an environment is a production ID.
        :raises AppExists: if an app with this ID has other values.
        :raises ValidationError: if the name is blank, too long or has a private key.
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
            pass  # it exists
        else:
            return app
        found = self.using(router.db_for_write(self.model)).get(app_id=app.app_id)
        for field in ("name", "environment", "provider_id"):
            if getattr(found, field) != getattr(app, field):
                raise AppExists(
                    f"A Layer app with this app ID already exists with another {field}: "
                    f"{getattr(found, field)}. Use the same value."
                )
        return found

    get_or_create_exact.alters_data = True  # type: ignore[attr-defined]


class LayerApp(models.Model):
    """An app at Layer, with the provider that signs for it."""

    name = models.CharField(
        _("name"), max_length=100, help_text=_("Shown to your staff only.")
    )
    app_id = models.UUIDField(
        _("app ID"),
        unique=True,
        help_text=_(
            "A UUID that you make up, or the one from Layer's dashboard. Clients may send it "
            "in requests."
        ),
    )
    environment = models.CharField(
        _("environment"),
        max_length=10,
        choices=[(name, name) for name in ENVIRONMENTS],
        default="production",
    )
    provider_id = models.UUIDField(
        _("provider ID"),
        help_text=_(
            "Another UUID that you make up, or the one from Layer's dashboard. Tokens contain "
            "it as their issuer."
        ),
    )
    enabled = models.BooleanField(
        _("enabled"),
        default=True,
        help_text=_(
            "Users of a disabled app get no tokens. Clients are told that the app is unknown."
        ),
    )
    token_lifetime = models.DurationField(
        _("token lifetime"),
        null=True,
        blank=True,
        validators=[
            MinValueValidator(
                MIN_LIFETIME, _("A token must live at least 30 seconds.")
            ),
            MaxValueValidator(MAX_LIFETIME, _("A token must live at most 24 hours.")),
        ],
        help_text=_(
            "30 seconds to 24 hours. Leave empty to use the TOKEN_LIFETIME setting."
        ),
    )
    #: Set on the first activation of a key; the IDs are immutable afterwards.
    frozen_at = models.DateTimeField(_("IDs frozen at"), null=True, editable=False)

    objects = LayerAppManager()

    class Meta:
        verbose_name = _("Layer app")
        verbose_name_plural = _("Layer apps")
        permissions = [
            ("explain_identity_token", "Can explain identity tokens"),
            ("try_identity_token", "Can try identity tokens"),
            (
                "try_identity_token_for_others",
                "Can try identity tokens for other users",
            ),
            (
                "view_identity_token_signature",
                "Can view signatures of tried identity tokens",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                name="layer_identity_app_token_lifetime",
                condition=Q(token_lifetime__isnull=True)
                | Q(token_lifetime__gte=MIN_LIFETIME, token_lifetime__lte=MAX_LIFETIME),
                violation_error_message=_(
                    "The token lifetime must be at least 30 seconds and at most 24 hours."
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, **kwargs: Any) -> None:
        """
        Save the app.

        :raises AppFrozen: if an ID changed and a key of the app has been active.
        """
        using = kwargs.get("using") or router.db_for_write(LayerApp, instance=self)
        with transaction.atomic(using=using):
            if stored := LayerApp.objects.lock(self.pk, using):
                self.frozen_at = stored.frozen_at
                if self._frozen_changes(stored):
                    raise AppFrozen(str(IDS_ARE_FROZEN))
            super().save(**kwargs)

    def clean(self) -> None:
        """Report invalid IDs, and a private key in the name, as errors of their fields."""
        if holds_key(self.name or ""):
            raise ValidationError({"name": KEY_IN_NAME})
        using = router.db_for_write(LayerApp, instance=self)
        stored = LayerApp.objects.using(using).filter(pk=self.pk).first()
        if changed := stored and self._frozen_changes(stored):
            raise ValidationError(dict.fromkeys(changed, IDS_ARE_FROZEN))
        # Frozen IDs cannot be corrected, and the admin's form does not have them.
        is_same = str(self.app_id) == str(self.provider_id) != str(None)
        if is_same and self.frozen_at is None:
            raise ValidationError({"provider_id": SAME_IDS})

    @property
    def identifier(self) -> AppID:
        """The app ID with its environment, as Layer writes it."""
        return AppID(self.app_id, self.environment)

    @property
    def provider(self) -> ProviderID:
        """The provider ID, as Layer writes it."""
        return ProviderID(self.provider_id)

    @property
    def is_protected(self) -> bool:
        """Whether the app cannot be deleted, because it has keys or Layer users."""
        using = router.db_for_write(LayerApp, instance=self)
        return self.keys.using(using).exists() or self.users.using(using).exists()

    def _frozen_changes(self, stored: LayerApp) -> list[str]:
        if stored.frozen_at is None:
            return []
        fields = [f for f in self._meta.concrete_fields if f.name in FROZEN_IDS]
        return [
            field.name
            for field in fields
            # Code may have assigned an ID as a string.
            if field.to_python(getattr(self, field.name)) != getattr(stored, field.name)
        ]

    def check_key_id(self, key_id: str | UUID) -> UUID:
        """
        Parse the ID of a key of this app.

        :raises InvalidIdentifier: if it is malformed, or is the app's or provider's ID.
        """
        uuid = KeyID.parse(key_id).uuid
        for other, name in ((self.provider_id, "provider"), (self.app_id, "app")):
            if uuid == other:
                raise InvalidIdentifier(
                    f"This is the {name} ID of the Layer app. Enter the key ID instead."
                )
        return uuid
