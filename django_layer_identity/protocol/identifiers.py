"""
Layer's identifiers: provider IDs, key IDs and app IDs.

Layer used bare UUIDs until mid-2015 and prefixed UUIDs afterwards. LayerKit for iOS
sends upper-case UUIDs. All forms are accepted. The output is in lower case, and has the
prefix, except for an app ID without an environment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from django_layer_identity.exceptions import InvalidIdentifier

if TYPE_CHECKING:
    from typing_extensions import Self

ENVIRONMENTS = ("staging", "production")

_MAX_SHOWN = 200  # characters of a refused identifier
_UUID = r"(?P<uuid>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"


@dataclass(frozen=True)
class _Identifier:
    uuid: UUID

    name: ClassVar[str]
    prefix: ClassVar[str]
    form: ClassVar[str]
    pattern: ClassVar[re.Pattern[str]]

    @classmethod
    def _match(cls, text: object) -> re.Match[str]:
        text = str(text) if isinstance(text, UUID) else text
        match = cls.pattern.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise InvalidIdentifier(cls._error_message(text))
        return match

    @classmethod
    def _error_message(cls, text: object) -> str:
        others = [kind for kind in (ProviderID, KeyID, AppID) if kind is not cls]
        for other in others:
            if isinstance(text, str) and text.startswith(other.prefix):
                return f"This is {other.name}. Use {cls.name} here."
        # Show the text only if it is an identifier: other text may be a private key.
        visible = _without_invisible(text) if isinstance(text, str) else ""
        if cls.pattern.fullmatch(visible):
            return (
                f"{cls.name[0].upper()}{cls.name[1:]} must not contain white space or "
                f"invisible characters: {text!r}."
            )
        return (
            f"{cls.name[0].upper()}{cls.name[1:]} must be a UUID or have the form "
            f"{cls.form}."
        )


def _without_invisible(text: str) -> str:
    """Return short text without spaces and what :func:`repr` shows as an escape."""
    if len(text) > _MAX_SHOWN:
        return ""
    return "".join(char for char in text if char.isprintable() and char != " ")


class _PrefixedUUID(_Identifier):
    @classmethod
    def parse(cls, text: object) -> Self:
        """
        Parse a bare UUID or the prefixed form.

        The UUID may be in upper or lower case; the prefix must be in lower case.

        :raises InvalidIdentifier: if the text has another form, or is an identifier of
            another kind.
        """
        return cls(UUID(cls._match(text)["uuid"]))

    def __str__(self) -> str:
        return f"{self.prefix}{self.uuid}"


class ProviderID(_PrefixedUUID):
    """The ID of the provider that authenticates the users: the ``iss`` claim."""

    name = "a provider ID"
    prefix = "layer:///providers/"
    form = "layer:///providers/<uuid>"
    pattern = re.compile(rf"(?:{prefix})?{_UUID}")


class KeyID(_PrefixedUUID):
    """The ID of a key pair: the ``kid`` header."""

    name = "a key ID"
    prefix = "layer:///keys/"
    form = "layer:///keys/<uuid>"
    pattern = re.compile(rf"(?:{prefix})?{_UUID}")


@dataclass(frozen=True)
class AppID(_Identifier):
    """The ID of a Layer app. ``environment`` is None for a bare UUID."""

    environment: str | None = None

    name = "an app ID"
    prefix = "layer:///apps/"
    form = "layer:///apps/<environment>/<uuid>"
    pattern = re.compile(
        rf"(?:{prefix}(?P<environment>{'|'.join(ENVIRONMENTS)})/)?{_UUID}"
    )

    @classmethod
    def parse(cls, text: object) -> Self:
        """
        Parse a bare UUID or ``layer:///apps/<environment>/<uuid>``.

        The UUID may be in upper or lower case.

        :raises InvalidIdentifier: if the text has another form, or is an identifier of
            another kind.
        """
        match = cls._match(text)
        return cls(UUID(match["uuid"]), match["environment"])

    def __str__(self) -> str:
        if self.environment is None:
            return str(self.uuid)
        return f"{self.prefix}{self.environment}/{self.uuid}"

    def matches(self, other: AppID) -> bool:
        """Compare the UUIDs, and the environments if both IDs have one."""
        if self.environment and other.environment:
            return self == other
        return self.uuid == other.uuid
