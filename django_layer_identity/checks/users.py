"""Checks of users: their Layer user IDs, their claims, and the ledger."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Warning
from django.db import connections, router
from django.db.models import EmailField, Field, Func, Model, UniqueConstraint
from django.db.models.constraints import BaseConstraint

from django_layer_identity.checks.settings import rule, suggestion
from django_layer_identity.conf import conf
from django_layer_identity.exceptions import ConfigurationError
from django_layer_identity.mapping.normalizers import (
    email,
    email_casefold,
    find_normalizer,
    phone,
)
from django_layer_identity.mapping.sources import import_callable
from django_layer_identity.models import LayerUser
from django_layer_identity.protocol.claims import CLAIM_LIMITS, RESERVED_CLAIMS

FieldPath = list[Any]  # fields and relations, starting at the user model

#: Names of login secrets: passwords, session hashes, API tokens.
_SECRET = re.compile("password|secret|session|token", re.IGNORECASE)
_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[\w.-]+)(:[0-9]{1,5})?/?")


# Layer user IDs


@rule(
    "E005",
    hint='Use an attribute path such as "username" or "profile.phone_number", a '
    'callable, or "module:function".',
)
def _user_id() -> Iterator[str]:
    if error := _source_error(conf.USER_ID):
        yield f"LAYER_IDENTITY['USER_ID'] is invalid: {error}"


@rule(
    "E020",
    hint='Use "email", "phone", "casefold", a callable, or "module:function".',
)
def _normalizer() -> Iterator[str]:
    try:
        find_normalizer(conf.USER_ID_NORMALIZER)
    except ConfigurationError as exc:
        yield f"LAYER_IDENTITY['USER_ID_NORMALIZER'] is invalid: {exc}"


@rule(
    "E021", hint='Install this package with its extra "phone", or install phonenumbers.'
)
def _phone_extra() -> Iterator[str]:
    if _normalizer_in_use() is phone and not find_spec("phonenumbers"):
        yield (
            "LAYER_IDENTITY['USER_ID_NORMALIZER'] needs the package phonenumbers, which "
            "is not installed."
        )


@rule("E022", hint='Use a code of two capital letters (ISO 3166-1), such as "GB".')
def _phone_region() -> Iterator[str]:
    region: object = conf.PHONE_REGION
    if region is None or not find_spec("phonenumbers"):
        return
    from phonenumbers import SUPPORTED_REGIONS

    if not (isinstance(region, str) and region in SUPPORTED_REGIONS):
        yield (
            "LAYER_IDENTITY['PHONE_REGION'] must be a region code or None, "
            f"not {region!r}."
        )


@rule(
    "E023",
    hint='Use an attribute path such as "profile.email_verified_at", a callable, '
    '"module:function", or True.',
)
def _verified() -> Iterator[str]:
    source: object = conf.USER_ID_VERIFIED
    is_set = source is not None and source is not True
    if is_set and (error := _source_error(source)):
        yield f"LAYER_IDENTITY['USER_ID_VERIFIED'] is invalid: {error}"


@rule(
    "W020",
    hint="Set USER_ID_VERIFIED to the attribute that says whether the value is verified, "
    "or to True if unverified values are never stored in this field.",
)
def _missing_verification() -> Iterator[str]:
    if conf.USER_ID_VERIFIED is None and (kind := _contact_kind()):
        yield (
            f"The Layer user ID is the user's {kind}, but "
            "LAYER_IDENTITY['USER_ID_VERIFIED'] is not set: a user can enter the "
            f"{kind} of another person first, and receive that person's messages."
        )


@rule(
    "W021",
    hint="The first of these users gets the Layer user ID, and the others are refused. "
    "Make the field unique and use its value without a method, or use another field.",
)
def _unique_field() -> Iterator[str]:
    if is_not_unique(conf.USER_ID):
        yield (
            f"LAYER_IDENTITY['USER_ID'] is {conf.USER_ID!r}, and several users can have "
            "the same value."
        )


@rule(
    "W022",
    hint='Use "pk" or "django_layer_identity.mapping.user_ids:random_uuid". If your '
    "users want to show it, silence this check.",
)
def _disclosure() -> Iterator[str]:
    if kind := _contact_kind():
        yield f"The Layer user ID shows the user's {kind} to every chat partner."


def _contact_kind() -> str | None:
    """Return "e-mail address" or "phone number" if the mapped value is one."""
    normalizer, fields = _normalizer_in_use(), resolve_field_path(conf.USER_ID)[0]
    if normalizer in (email, email_casefold) or is_email(fields):
        return "e-mail address"
    if normalizer is phone or is_phone(fields):
        return "phone number"
    return None


def _normalizer_in_use() -> object:
    return None if _normalizer() else find_normalizer(conf.USER_ID_NORMALIZER)


def _source_error(source: object) -> str | None:
    """Return why a source cannot work, or None if it can."""
    if callable(source):
        return None
    if not isinstance(source, str):
        return f"expected a string or a callable, not {type(source).__name__}."
    if ":" in source:
        try:
            import_callable(source)
        except ConfigurationError as exc:
            return str(exc)
        return None
    name, model = source.partition(".")[0], get_user_model()
    if hasattr(model, name):
        return None
    return f"{model.__name__} has no attribute {name!r}."


# Claims


@rule("E006", hint='For example: {"display_name": "get_full_name"}.')
def _claims() -> Iterator[str]:
    try:
        _ = conf.CLAIMS
    except ConfigurationError:
        yield (
            "LAYER_IDENTITY['CLAIMS'] must be a dict or None, "
            f"not {_claims_setting()!r}."
        )


@rule("W007", hint="Remove it, or set it to None to send no profile claims.")
def _empty_claims() -> Iterator[str]:
    if _claims_setting() == {}:
        yield (
            "LAYER_IDENTITY['CLAIMS'] is an empty dict. It is merged over the default, "
            "so it changes nothing."
        )


def _known_claims() -> Iterator[CheckMessage]:
    for name in _sources():
        if name not in CLAIM_LIMITS and name not in RESERVED_CLAIMS:
            yield Warning(
                f"LAYER_IDENTITY['CLAIMS'] has the claim {name!r}, which Layer does not "
                "know. It is never sent.",
                hint=suggestion(str(name).lower(), CLAIM_LIMITS),
                id="layer_identity.W005",
            )


@rule(
    "E024",
    hint="Remove it. The Layer user ID comes from LAYER_IDENTITY['USER_ID'], and the "
    "expiry time from LAYER_IDENTITY['TOKEN_LIFETIME'].",
)
def _reserved_claims() -> Iterator[str]:
    for name in sorted(RESERVED_CLAIMS.intersection(_sources())):
        yield (
            f"LAYER_IDENTITY['CLAIMS'] has the reserved claim {name!r}, which only this "
            "package may set."
        )


@rule("W002", hint="Correct its source in LAYER_IDENTITY['CLAIMS'], or remove it.")
def _claim_sources() -> Iterator[str]:
    for name, source in _sources().items():
        if source is not None and (error := _source_error(source)):
            yield f"The claim {name!r} is always left out: {error}"


@rule("W006", hint="Use another source for it in LAYER_IDENTITY['CLAIMS'].")
def _disclosing_claims() -> Iterator[str]:
    for name, source in _sources().items():
        if what := _disclosed_by(name, source):
            yield f"The claim {name!r} shows {what} to every chat partner."


def _disclosed_by(name: str, source: object) -> str | None:
    if not isinstance(source, str) or ":" in source:
        return None  # only the project knows what a callable returns
    if _SECRET.search(source):
        return f"a secret ({source})"
    if name != "email_address" and is_email(resolve_field_path(source)[0]):
        return "the user's e-mail address"
    return None


def _sources() -> Mapping[str, object]:
    """
    Return the claims that the project sets.

    The default claims are not checked: a custom user model may lack their fields.
    """
    setting = _claims_setting()
    return setting if isinstance(setting, Mapping) else {}


def _claims_setting() -> object:
    return getattr(settings, "LAYER_IDENTITY", {}).get("CLAIMS")


@rule("E025", hint='For example: "https://example.com".')
def _public_base_url() -> Iterator[str]:
    url: object = conf.PUBLIC_BASE_URL
    if url is not None and not (isinstance(url, str) and _ORIGIN.fullmatch(url)):
        shown = re.sub("//.*@", "//…@", repr(url))  # without a user name and password
        yield (
            "LAYER_IDENTITY['PUBLIC_BASE_URL'] must be an origin (scheme, host and port "
            f"only) or None, not {shown}."
        )


# The ledger


@rule("E030", hint='For example: "keep", the default.')
def _change() -> Iterator[str]:
    change: object = conf.USER_ID_CHANGE
    if change not in ("keep", "follow", "refuse"):
        yield (
            "LAYER_IDENTITY['USER_ID_CHANGE'] must be 'keep', 'follow' or 'refuse', "
            f"not {change!r}."
        )


@rule(
    "E033",
    hint="Change DATABASE_ROUTERS so that the app layer_identity is in the database of "
    "the user model. The ledger has a foreign key to it.",
)
def _one_database() -> Iterator[str]:
    ledger = router.db_for_write(LayerUser)
    users = router.db_for_write(get_user_model())
    if ledger != users:
        yield (
            f"The ledger is in the database {ledger!r}, but the user model is in "
            f"{users!r}. They must be in the same database."
        )


def check_databases(
    databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Check that MySQL and MariaDB can store every character in the ledger."""
    return [
        message
        for alias in databases or ()
        if connections[alias].vendor == "mysql"
        and router.allow_migrate_model(alias, LayerUser)
        for message in _charset(alias)
    ]


@rule(
    "E034",
    hint="Convert the database to utf8mb4, and remove 'charset' from the OPTIONS in "
    "DATABASES: Django's default is utf8mb4.",
)
def _charset(alias: str) -> Iterator[str]:
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT @@character_set_connection, COALESCE("
            "(SELECT character_set_name FROM information_schema.columns"
            " WHERE table_schema = DATABASE()"
            " AND table_name = %s AND column_name = 'user_id'),"
            " @@character_set_database)",  # before the table exists
            [LayerUser._meta.db_table],
        )
        narrow = sorted(set(cursor.fetchone()) - {"utf8mb4"})
    if narrow:
        yield (
            f"The database {alias!r} uses the character set {narrow[0]} for Layer user "
            "IDs. It does not have every character."
        )


# What the fields of the user model show about the values of an attribute path


def resolve_field_path(source: object) -> tuple[FieldPath, list[str]]:
    """
    Return the fields at the start of an attribute path, and the names that follow.

    The names that follow are not fields: the ``lower`` of ``email.lower``, a method of
    the user, a property. A callable has no fields.
    """
    if not isinstance(source, str) or ":" in source:
        return [], []
    names = source.split(".")
    if names[0] == "get_username":
        names[0] = getattr(get_user_model(), "USERNAME_FIELD", "username")
    fields: FieldPath = []
    model: type[Model] | None = get_user_model()
    while names and (field := _field(model, names[0])):
        fields.append(field)
        model = field.related_model
        names = names[1:]
    return fields, names


def _field(model: type[Model] | None, name: str) -> Any:
    if model is None:
        return None
    if name == "pk":
        return model._meta.pk
    for field in model._meta.get_fields():
        # The accessor's name leads to a reverse relation.
        reverse = getattr(field, "get_accessor_name", None)
        if (reverse() if reverse else field.name) == name:
            return field
    return next((f for f in model._meta.fields if f.attname == name), None)


def is_not_unique(source: object) -> bool:
    """Return whether the fields allow two users to have the same value."""
    fields, rest = resolve_field_path(source)
    if not fields:
        return False
    *relations, field = fields
    if rest and field.is_relation:  # a method of a row: only the project knows
        return not all(relation.one_to_one for relation in fields)
    if rest:  # a method such as lower() may return the same for two values
        return True
    one_to_one = all(relation.one_to_one for relation in relations)
    return not (one_to_one and _is_unique_field(field))


def _is_unique_field(field: Any) -> bool:
    if not isinstance(field, Field):
        return False
    options = field.model._meta
    return (
        field.unique
        or (field.name,) in options.unique_together
        or any(_unique_fields(each) == [field.name] for each in options.constraints)
    )


def _unique_fields(constraint: BaseConstraint) -> list[str]:
    # With a condition, the constraint applies to some rows only.
    if not isinstance(constraint, UniqueConstraint) or constraint.condition is not None:
        return []
    parts: Iterator[Any] = Func(*constraint.expressions).flatten()
    names = [part.name for part in parts if hasattr(part, "name")]
    return [*constraint.fields, *names]


def is_email(fields: FieldPath) -> bool:
    """Return whether the path leads to an e-mail address."""
    if not fields:
        return False
    return isinstance(fields[-1], EmailField) or "email" in fields[-1].name.lower()


def is_phone(fields: FieldPath) -> bool:
    """Return whether the path leads to a phone number."""
    if not fields:
        return False
    name = fields[-1].name.lower()
    return (
        "phone" in name
        or "msisdn" in name
        or "PhoneNumber" in type(fields[-1]).__name__
    )


RULES = (
    _user_id,
    _claims,
    _empty_claims,
    _known_claims,
    _reserved_claims,
    _claim_sources,
    _public_base_url,
    _normalizer,
    _phone_extra,
    _phone_region,
    _verified,
    _missing_verification,
    _unique_field,
    _disclosure,
    _change,
    _one_database,
)
DEPLOYMENT_RULES = (_disclosing_claims,)
