"""Fields for what people paste: identifiers in any form, and secrets that stay hidden."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

from django import forms
from django.core.exceptions import ValidationError

from django_layer_identity.exceptions import LayerIdentityError
from django_layer_identity.keys.secrets import Secret
from django_layer_identity.protocol.identifiers import AppID, KeyID, ProviderID

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID


@contextmanager
def refusals_as_errors() -> Iterator[None]:
    """Make what the app, or a constraint, refuses an error of the field in hand."""
    try:
        yield
    except LayerIdentityError as exc:
        raise ValidationError(str(exc)) from exc
    except ValidationError as exc:
        raise ValidationError(exc.messages) from exc


class _IdentifierField(forms.CharField):
    """An identifier in any form in which Layer shows it; its value is the UUID."""

    kind: ClassVar[type[AppID | KeyID | ProviderID]]

    def to_python(self, value: object) -> UUID | None:  # type: ignore[override]
        text = super().to_python(value)
        if text in self.empty_values:
            return None
        with refusals_as_errors():
            return self.kind.parse(text).uuid


class AppIDField(_IdentifierField):
    kind = AppID


class KeyIDField(_IdentifierField):
    kind = KeyID


class ProviderIDField(_IdentifierField):
    kind = ProviderID


class SecretField(forms.Field):
    """A value that stays wrapped until somebody uses it."""

    def to_python(self, value: object) -> Secret | None:
        return value if isinstance(value, Secret) and value else None


class PrivateKeyInput(forms.Textarea):
    """Takes a private key in and never shows one, not even back to who pasted it."""

    def __init__(self) -> None:
        super().__init__({"rows": 12, "autocomplete": "off", "spellcheck": "false"})

    def format_value(self, value: object) -> None:
        return None
