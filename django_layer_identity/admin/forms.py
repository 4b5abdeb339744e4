"""Forms that parse pasted text and show each error beside its field."""

from __future__ import annotations

from contextlib import contextmanager
from copy import copy
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib.admin.widgets import AdminRadioSelect, AdminTextInputWidget
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import router
from django.utils.formats import get_format, sanitize_separators
from django.utils.translation import gettext_lazy as _

from django_layer_identity.admin.display import in_minutes
from django_layer_identity.conf import conf
from django_layer_identity.exceptions import (
    InvalidKey,
    LayerIdentityError,
    PassphraseNeeded,
    PassphraseWrong,
)
from django_layer_identity.keys.backends import get_backend
from django_layer_identity.keys.reading import MAX_LENGTH, read_private_key
from django_layer_identity.keys.rsa import (
    PrivateKey,
    generate_private_key,
    read_public_key,
)
from django_layer_identity.keys.secrets import Secret, hide_locals
from django_layer_identity.mapping.typed_ids import find_typing_error
from django_layer_identity.models import LayerApp, LayerUser, SigningKey
from django_layer_identity.models.reasons import MAX_REASON_LENGTH, clean_reason
from django_layer_identity.protocol.claims import (
    MAX_LIFETIME,
    MIN_LIFETIME,
    check_user_id,
)
from django_layer_identity.protocol.identifiers import AppID, KeyID, ProviderID

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from uuid import UUID

    from django.contrib.auth.base_user import AbstractBaseUser
    from django.db.models import QuerySet

SECRET_FIELDS = ("private_key", "passphrase")
#: What a refused form says beside the fields that it empties.
ENTER_AGAIN = {
    "private_key": _("Paste the private key again: it is not kept."),
    "private_key_file": _("Choose the file again: it is not kept."),
    "passphrase": _("Enter the passphrase again: it is not kept."),
}

# Fields


@contextmanager
def as_validation_errors() -> Iterator[None]:
    """Turn our exceptions and violated constraints into errors without field names."""
    try:
        yield
    except LayerIdentityError as exc:
        raise ValidationError(str(exc)) from exc
    except ValidationError as exc:
        raise ValidationError(exc.messages) from exc


class _IdentifierField(forms.CharField):
    """Accept an identifier in any form that Layer shows; the value is its UUID."""

    kind: ClassVar[type[AppID | KeyID | ProviderID]]

    def to_python(self, value: object) -> UUID | None:  # type: ignore[override]
        text = super().to_python(value)
        if text in self.empty_values:
            return None
        with as_validation_errors():
            return self.kind.parse(text).uuid


class AppIDField(_IdentifierField):
    kind = AppID


class KeyIDField(_IdentifierField):
    kind = KeyID


class ProviderIDField(_IdentifierField):
    kind = ProviderID


class ReasonField(forms.CharField):
    """The reason for an action that cannot be undone."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(label=_("Reason"), max_length=MAX_REASON_LENGTH, **kwargs)

    def clean(self, value: Any) -> str:
        with as_validation_errors():
            return clean_reason(super().clean(value))


class SecretField(forms.Field):
    """A value that stays in a ``Secret`` until it is used."""

    def to_python(self, value: object) -> Secret | None:
        return value if isinstance(value, Secret) and value else None


class PrivateKeyInput(forms.Textarea):
    """A text area that never shows its value again."""

    def __init__(self) -> None:
        attrs = {"rows": 12, "autocomplete": "off", "spellcheck": "false"}
        super().__init__({**attrs, "class": "vLargeTextField"})

    def format_value(self, value: object) -> None:
        return None


class MinutesInput(forms.NumberInput):
    """
    A number input, or a text input if Django's decimal separator is not a point.

    In a number input, browsers read and show numbers in their own language only.
    """

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        if _decimal_separator() != ".":
            widget = context["widget"]
            for attribute in ("step", "min", "max"):
                del widget["attrs"][attribute]
            widget["type"], widget["attrs"]["inputmode"] = "text", "decimal"
        return context


class MinutesField(forms.FloatField):
    """A duration as a number of minutes, written as in Django's language."""

    widget = MinutesInput
    decimals = 8  # enough to give back each microsecond

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, timedelta):
            return value
        text = _minutes(value, self.decimals)
        return text.replace(".", _decimal_separator())

    def to_python(self, value: Any) -> timedelta | None:  # type: ignore[override]
        # A point in a number input is never a separator of thousands.
        is_local = _decimal_separator() != "."
        minutes = super().to_python(sanitize_separators(value) if is_local else value)
        try:
            return None if minutes is None else timedelta(minutes=minutes)
        except (OverflowError, ValueError) as exc:  # ValueError: not a number
            raise ValidationError(self.error_messages["invalid"]) from exc

    def validate(self, value: Any) -> None:
        """Leave the limits to the model, whose messages name them."""
        forms.Field.validate(self, value)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        limits = {"min": _minutes(MIN_LIFETIME), "max": _minutes(MAX_LIFETIME)}
        return {**super().widget_attrs(widget), **limits}


def _minutes(duration: timedelta, decimals: int = 1) -> str:
    text = f"{duration / timedelta(minutes=1):.{decimals}f}"
    return text.rstrip("0").rstrip(".")


def _decimal_separator() -> str:
    return str(get_format("DECIMAL_SEPARATOR"))


def wrap_secrets(data: Any, names: Iterable[str] = SECRET_FIELDS) -> Any:
    """Return a copy of the form data with private key and passphrase as ``Secret``."""
    wrapped = data.copy()
    for name in names:
        if isinstance(wrapped.get(name), str):
            wrapped[name] = Secret(wrapped[name])
    return wrapped


# Layer apps


def _lifetime_help() -> str:
    limits = _("At least half a minute, at most 1440 minutes (24 hours).")
    default: object = conf.TOKEN_LIFETIME
    if not isinstance(default, timedelta):
        return f"{limits} {_('Empty: the setting TOKEN_LIFETIME.')}"
    present = _("Empty: the setting TOKEN_LIFETIME, now %(minutes)s.")
    return f"{limits} {present % {'minutes': in_minutes(default)}}"


class LayerAppForm(forms.ModelForm):
    class Meta:
        model = LayerApp
        # The environment comes before the app ID, because clean_app_id() needs it.
        fields = (
            "name",
            "environment",
            "app_id",
            "provider_id",
            "enabled",
            "token_lifetime",
        )
        field_classes = {
            "app_id": AppIDField,
            "provider_id": ProviderIDField,
            "token_lifetime": MinutesField,
        }
        labels = {"token_lifetime": _("Token lifetime in minutes")}
        error_messages = {
            "token_lifetime": {"invalid": _("Enter a number of minutes, such as 5.")}
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if lifetime := self.fields.get("token_lifetime"):
            lifetime.help_text = _lifetime_help()

    def clean_app_id(self) -> UUID:
        app_id = AppID.parse(self["app_id"].data.strip())
        environment = self.cleaned_data.get("environment")
        if not app_id.matches(AppID(app_id.uuid, environment)):
            message = _(
                "This app ID belongs to the %(environment)s environment. Choose that "
                "environment, or enter an app ID of the environment that you chose."
            )
            raise ValidationError(message % {"environment": app_id.environment})
        return app_id.uuid


# Signing keys


def _check_key_id(key: SigningKey, key_id: UUID | None) -> UUID:
    """Return the key ID if the signing key may have it. The key is not changed."""
    key = copy(key)
    with as_validation_errors():
        key.key_id = key.app.check_key_id(key_id)  # type: ignore[arg-type]
        # A copy has no private key, and would read it from a replica.
        key.validate_constraints(exclude={"fingerprint", "encrypted_private_key"})
    return key.key_id


class KeyIDForm(forms.ModelForm):
    """Change the key ID; no other field can be edited."""

    class Meta:
        model = SigningKey
        fields = ("key_id",)
        field_classes = {"key_id": KeyIDField}

    def clean_key_id(self) -> UUID:
        return _check_key_id(self.instance, self.cleaned_data["key_id"])


def _sources() -> list[tuple[str, Any]]:
    """Return the choices: generate, import, and each alias of ``SIGNERS``."""
    form = NewSigningKeyForm
    link = _(
        "Link to the key in the signing backend “%(alias)s”: the private key stays there"
    )
    return [
        (form.GENERATE, _("Generate a key pair on this server")),
        (
            form.IMPORT,
            _("Import a private key, such as the one that Layer's dashboard showed"),
        ),
        *((form.SIGNER + alias, link % {"alias": alias}) for alias in conf.SIGNERS),
    ]


class NewSigningKeyForm(forms.ModelForm):
    """Import or generate a private key, or link to a key in a signing backend."""

    IMPORT, GENERATE, SIGNER = "import", "generate", "signer:"

    source = forms.ChoiceField(
        label=_("Private key"),
        choices=_sources,
        initial=GENERATE,
        widget=AdminRadioSelect,
    )
    private_key = SecretField(
        label=_("Private key to import"),
        required=False,
        widget=PrivateKeyInput,
        help_text=_(
            "Paste the complete PEM text, including its BEGIN and END lines. The key is "
            "stored encrypted and is never shown again."
        ),
    )
    private_key_file = forms.FileField(
        label=_("Or the private key file"),
        required=False,
        help_text=_("Instead of pasting the key, choose its file: PEM or DER."),
    )
    passphrase = SecretField(
        label=_("Passphrase"),
        required=False,
        widget=forms.PasswordInput({"autocomplete": "off", "class": "vTextField"}),
        help_text=_("Only for an encrypted private key. The passphrase is not stored."),
    )

    class Meta:
        model = SigningKey
        fields = (
            "app",
            "source",
            "private_key",
            "private_key_file",
            "passphrase",
            "key_id",
        )
        field_classes = {"key_id": KeyIDField}
        help_texts = {
            "key_id": _(
                "A UUID that you make up, or the one that Layer's dashboard showed beside the "
                "public key. You can enter it later."
            )
        }

    #: The app's stored key that cannot be decrypted, if the same key is imported.
    unreadable: SigningKey | None = None

    def __init__(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(data and wrap_secrets(data), *args, **kwargs)

    def _get_validation_exclusions(self) -> set[str]:
        """Leave out the app, whose field has checked it: Django may ask a replica."""
        exclusions: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return exclusions | {"app"}

    def clean(self) -> dict[str, Any]:
        super().clean()
        # Ignore pasted text unless the user chose to import a private key.
        is_import = self.cleaned_data.get("source") == self.IMPORT
        private_key = self._imported() if is_import else None
        self._check_key_id()
        if not self.errors:
            with as_validation_errors():
                self.instance = self._make(private_key)
        return self.cleaned_data

    def _check_key_id(self) -> None:
        """Check the key ID after the private key, whose stored key may have this ID."""
        app, key_id = self.cleaned_data.get("app"), self.cleaned_data.get("key_id")
        if app is None or key_id is None:
            return
        try:
            _check_key_id(self.unreadable or SigningKey(app=app), key_id)
            if self.unreadable and self.unreadable.key_id:
                with as_validation_errors():
                    self.unreadable.check_same_key_id(key_id)
                self.cleaned_data["key_id"] = None  # it does not change
        except ValidationError as exc:
            self.add_error("key_id", exc.messages)

    def full_clean(self) -> None:
        """Ask again for what the page does not show again, if the form is refused."""
        super().full_clean()
        source = self.data.get("source") or self.IMPORT
        if not self.errors or source != self.IMPORT:
            return
        for name in ENTER_AGAIN.keys() - self.errors.keys():
            if self.data.get(name) or self.files.get(name):
                self.add_error(name, ENTER_AGAIN[name])

    def _make(self, imported: PrivateKey | None) -> SigningKey:
        app, key_id = self.cleaned_data["app"], self.cleaned_data["key_id"]
        _prefix, is_signer, alias = self.cleaned_data["source"].partition(self.SIGNER)
        if not is_signer:
            private_key = imported or generate_private_key()
            return SigningKey.from_private_key(app, private_key, key_id=key_id)
        public_key = read_public_key(get_backend(alias).public_key())
        key = SigningKey.from_public_key(app, public_key, signer=alias, key_id=key_id)
        key.validate_constraints()
        return key

    @hide_locals
    def _imported(self) -> PrivateKey | None:
        """Read the pasted or uploaded key; add errors to the field that caused them."""
        text: Secret | None = self.cleaned_data["private_key"]
        file = self.cleaned_data.get("private_key_file")
        field = "private_key_file" if file and not text else "private_key"
        data = file.read(MAX_LENGTH + 1) if file else text and text.reveal()
        try:
            if text and file:
                raise ValidationError(
                    _(
                        "Use only one of the two: paste the private key, or choose its "
                        "file. Neither is kept, so enter it again."
                    )
                )
            if not data:
                raise ValidationError(_("Paste the private key, or choose its file."))
            return self._read(data)
        except (PassphraseNeeded, PassphraseWrong) as exc:
            self.add_error("passphrase", str(exc))
        except InvalidKey as exc:
            self.add_error(field, str(exc))
        except ValidationError as exc:
            self.add_error(field, exc.messages)
        return None

    def _read(self, data: bytes | str) -> PrivateKey:
        passphrase: Secret | None = self.cleaned_data["passphrase"]
        private_key = read_private_key(
            data, passphrase.reveal() if passphrase else None
        )
        if app := self.cleaned_data.get("app"):
            key = SigningKey(app=app, fingerprint=private_key.fingerprint)
            self.unreadable = key.find_same()
            if self.unreadable:
                with as_validation_errors():
                    self.unreadable.check_unreadable()
        return private_key


class RevokeForm(forms.Form):
    """Ask for the reason of a revocation."""

    reason = ReasonField(
        help_text=_("Shown on the key's page and in its history."),
        widget=forms.TextInput({"class": "vTextField", "autofocus": True}),
    )


# The ledger


NO_USER = _("No user logs in with this name. Enter the complete name, exactly.")


def stored_users() -> QuerySet[AbstractBaseUser]:
    """Return all users of the ledger's database."""
    users: QuerySet[AbstractBaseUser] = get_user_model()._base_manager.using(
        router.db_for_write(LayerUser)
    )
    return users


def users_by_login_name(text: str) -> QuerySet[AbstractBaseUser]:
    """
    Return the users who log in with this name, usually one user or none.

    :raises ValueError, ValidationError: when the queryset is evaluated, if the text
        cannot be a login name, for example because login names are UUIDs.
    """
    model: Any = get_user_model()
    name = getattr(model, "USERNAME_FIELD", model._meta.pk.name)
    return stored_users().filter(**{name: text})


class LoginNameField(forms.CharField):
    """The name that a user logs in with; the value is the user."""

    widget = AdminTextInputWidget

    def __init__(self, **kwargs: Any) -> None:
        help_text = _("The name that this user logs in with.")
        super().__init__(help_text=help_text, strip=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        model: Any = get_user_model()
        name = getattr(model, "USERNAME_FIELD", model._meta.pk.name)
        return getattr(value, name) if isinstance(value, model) else value

    def clean(self, value: Any) -> AbstractBaseUser:
        model = get_user_model()
        name = super().clean(value)
        try:
            return users_by_login_name(name).get()
        except model.MultipleObjectsReturned as exc:
            raise ValidationError(
                _(
                    "Several users log in with this name, so this page cannot tell which user "
                    "you mean. Ask a developer to call ledger.reassign()."
                )
            ) from exc
        except (model.DoesNotExist, ValueError, ValidationError) as exc:
            raise ValidationError(NO_USER) from exc


class LayerUserIDField(forms.CharField):
    """A Layer user ID, exactly as a person typed it."""

    widget = AdminTextInputWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(label=_("Layer user ID"), strip=False, **kwargs)

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        with as_validation_errors():
            return check_user_id(text)


class _UserForm(forms.Form):
    """
    A form with the field ``user``: a login name, or a choice with the given widget.

    :param user_widget: a widget for choices, or None for the login name.
    """

    def __init__(self, *args: Any, user_widget: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if user_widget is not None:
            self.fields["user"] = forms.ModelChoiceField(
                label=self.fields["user"].label,
                queryset=stored_users(),
                widget=user_widget,
            )


class ReassignForm(_UserForm):
    """Ask for the new user, a reason, and the ID if only its digest is stored."""

    user = LoginNameField(label=_("New user"))
    user_id = LayerUserIDField(
        help_text=_(
            "The previous user was deleted, so only the digest of the ID is stored. "
            "Enter the ID exactly as it was."
        ),
    )
    reason = ReasonField(
        widget=AdminTextInputWidget,
        help_text=_(
            "The history keeps this text, even after the user is deleted. Do not enter "
            "names. A ticket number is enough."
        ),
    )

    def __init__(self, entry: LayerUser, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.entry = entry
        if entry.user_id:
            del self.fields["user_id"]

    def clean_user(self) -> AbstractBaseUser:
        user: AbstractBaseUser = self.cleaned_data["user"]
        if user.pk == self.entry.current_for_id:
            raise ValidationError(_("The user already has this Layer user ID."))
        return user

    def clean_user_id(self) -> str:
        """Compare with the digest: a match proves that the ID is exactly as it was."""
        text: str = self.cleaned_data["user_id"]
        if not self.entry.matches(text):
            error = _(
                "This text is not the Layer user ID of this entry. Enter the ID exactly as "
                "it was."
            )
            raise ValidationError([error, *filter(None, [find_typing_error(text)])])
        return text


class RenameForm(_UserForm):
    """
    Ask for the new Layer user ID of a user.

    An ID that looks like a typing error is refused, until the person insists on it with
    a checkbox that only the refused form has.
    """

    app = forms.ModelChoiceField(label=_("Layer app"), queryset=LayerApp.objects.none())
    user = LoginNameField(label=_("User"))
    user_id = LayerUserIDField(
        help_text=_(
            "The new Layer user ID. It is permanent: once recorded, no other user gets it. "
            "Every chat partner sees it."
        )
    )
    exact = forms.BooleanField(
        label=_("Use this value exactly as typed"), required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        apps = LayerApp.objects.using(router.db_for_write(LayerUser)).order_by("name")
        self.fields["app"].queryset = apps  # type: ignore[attr-defined]
        if not self.is_bound:
            del self.fields["exact"]

    def clean(self) -> dict[str, Any]:
        super().clean()
        user_id: str | None = self.cleaned_data.get("user_id")
        error = user_id and find_typing_error(user_id)
        if not error:
            del self.fields["exact"]
        elif not self.cleaned_data["exact"]:
            self.add_error("user_id", error)
        if not self.errors:
            self._check_owner(**self.cleaned_data)
        return self.cleaned_data

    def _check_owner(
        self, app: LayerApp, user: AbstractBaseUser, user_id: str, **more: Any
    ) -> None:
        entry = LayerUser.objects.find(app, user_id)
        if entry and entry.owner_id != user.pk:
            self.add_error(
                "user_id",
                _(
                    "This Layer user ID belongs, or belonged, to another user. To give it to "
                    "this user, find it in the list and reassign it."
                ),
            )
        elif entry and entry.current_for_id == user.pk:
            self.add_error("user_id", _("The user already has this Layer user ID."))
