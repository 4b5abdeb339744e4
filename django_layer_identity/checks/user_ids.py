"""What a Layer user ID is made of: whether it is one person's, proved, and disclosed."""

from __future__ import annotations

from importlib.util import find_spec

from django.core.checks import CheckMessage, Error, Warning

from django_layer_identity.checks.sources import complaint_about
from django_layer_identity.checks.user_model import (
    fields_of,
    is_email,
    is_phone,
    may_be_shared,
)
from django_layer_identity.conf import conf
from django_layer_identity.exceptions import ConfigurationError
from django_layer_identity.mapping.normalizers import (
    email,
    email_casefold,
    find_normalizer,
    phone,
)


def _normalizer() -> list[CheckMessage]:
    try:
        find_normalizer(conf.USER_ID_NORMALIZER)
    except ConfigurationError as exc:
        return [
            Error(
                f"LAYER_IDENTITY['USER_ID_NORMALIZER'] is of no use: {exc}",
                hint='"email", "phone", "casefold", a callable, or "module:function".',
                id="layer_identity.E020",
            )
        ]
    return []


def _phone_extra() -> list[CheckMessage]:
    if _normalizer_in_use() is not phone or find_spec("phonenumbers"):
        return []
    return [
        Error(
            "LAYER_IDENTITY['USER_ID_NORMALIZER'] needs the package phonenumbers.",
            hint='pip install "django-layer-identity[phone]"',
            id="layer_identity.E021",
        )
    ]


def _phone_region() -> list[CheckMessage]:
    region: object = conf.PHONE_REGION
    if region is None or not find_spec("phonenumbers"):
        return []
    from phonenumbers import SUPPORTED_REGIONS

    if isinstance(region, str) and region in SUPPORTED_REGIONS:
        return []
    return [
        Error(
            f"LAYER_IDENTITY['PHONE_REGION'] is no region: {region!r}.",
            hint='Two capital letters of ISO 3166-1, such as "GB", or None.',
            id="layer_identity.E022",
        )
    ]


def _verified() -> list[CheckMessage]:
    source: object = conf.USER_ID_VERIFIED
    if source is None or source is True:
        return []
    complaint = complaint_about(source)
    if complaint is None:
        return []
    return [
        Error(
            f"LAYER_IDENTITY['USER_ID_VERIFIED'] leads nowhere: {complaint}",
            hint=(
                'An attribute path such as "profile.email_verified_at", a callable, '
                '"module:function", or True.'
            ),
            id="layer_identity.E023",
        )
    ]


def _proof() -> list[CheckMessage]:
    source: object = conf.USER_ID_VERIFIED
    if source is not None or not (kind := _contact()):
        return []
    return [
        Warning(
            f"Nobody has to prove that the {kind} behind his Layer user ID is his: "
            "LAYER_IDENTITY['USER_ID_VERIFIED'] is not set.",
            hint=(
                "Whoever enters another's first gets his messages. Name the attribute "
                "that says so, or set True if unproved ones never get into that field."
            ),
            id="layer_identity.W020",
        )
    ]


def _unique_field() -> list[CheckMessage]:
    if not may_be_shared(conf.USER_ID):
        return []
    return [
        Warning(
            f"LAYER_IDENTITY['USER_ID'] is {conf.USER_ID!r}, and several users may have "
            "the same there.",
            hint=(
                "The first of them gets the Layer user ID and the others are refused. "
                "Make the field unique and name no method of it, or name another."
            ),
            id="layer_identity.W021",
        )
    ]


def _disclosure() -> list[CheckMessage]:
    kind = _contact()
    if not kind:
        return []
    return [
        Warning(
            f"Each chat partner sees the user's {kind}: the Layer user ID discloses it.",
            hint=(
                'Take "pk", or '
                '"django_layer_identity.mapping.user_ids:random_uuid"; or silence this '
                "if your users want it so."
            ),
            id="layer_identity.W022",
        )
    ]


def _contact() -> str | None:
    normalizer, (fields, _rest) = _normalizer_in_use(), fields_of(conf.USER_ID)
    if normalizer in (email, email_casefold) or is_email(fields):
        return "e-mail address"
    if normalizer is phone or is_phone(fields):
        return "phone number"
    return None


def _normalizer_in_use() -> object:
    try:
        return find_normalizer(conf.USER_ID_NORMALIZER)
    except ConfigurationError:
        return None  # _normalizer has said so


RULES = (
    _normalizer,
    _phone_extra,
    _phone_region,
    _verified,
    _proof,
    _unique_field,
    _disclosure,
)
