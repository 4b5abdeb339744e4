"""Users: where their Layer user IDs and claims come from, and where IDs are stored."""

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

FieldPath = list[Any]  # fields and relations, from the user model on

#: Names of what proves to be a user: passwords, hashes of sessions, API tokens.
_SECRET = re.compile("password|secret|session|token", re.IGNORECASE)
_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[\w.-]+)(:[0-9]{1,5})?/?")

CHANGES = ("keep", "follow", "refuse")


# Layer user IDs


@rule(
    "E005",
    hint='An attribute path such as "username" or "profile.phone_number", a '
    'callable, or "module:function".',
)
def _user_id() -> Iterator[str]:
    if error := _source_error(conf.USER_ID):
        yield f"LAYER_IDENTITY['USER_ID'] leads nowhere: {error}"


@rule("E020", hint='"email", "phone", "casefold", a callable, or "module:function".')
def _normalizer() -> Iterator[str]:
    try:
        find_normalizer(conf.USER_ID_NORMALIZER)
    except ConfigurationError as exc:
        yield f"LAYER_IDENTITY['USER_ID_NORMALIZER'] is of no use: {exc}"


@rule("E021", hint='pip install "django-layer-identity[phone]"')
def _phone_extra() -> Iterator[str]:
    if _normalizer_in_use() is phone and not find_spec("phonenumbers"):
        yield "LAYER_IDENTITY['USER_ID_NORMALIZER'] needs the package phonenumbers."


@rule("E022", hint='Two capital letters of ISO 3166-1, such as "GB", or None.')
def _phone_region() -> Iterator[str]:
    region: object = conf.PHONE_REGION
    if region is None or not find_spec("phonenumbers"):
        return
    from phonenumbers import SUPPORTED_REGIONS

    if not (isinstance(region, str) and region in SUPPORTED_REGIONS):
        yield f"LAYER_IDENTITY['PHONE_REGION'] is no region: {region!r}."


@rule(
    "E023",
    hint='An attribute path such as "profile.email_verified_at", a callable, '
    '"module:function", or True.',
)
def _verified() -> Iterator[str]:
    source: object = conf.USER_ID_VERIFIED
    is_set = source is not None and source is not True
    if is_set and (error := _source_error(source)):
        yield f"LAYER_IDENTITY['USER_ID_VERIFIED'] leads nowhere: {error}"


@rule(
    "W020",
    hint="Whoever enters another's first gets his messages. Name the attribute "
    "that says so, or set True if unproved ones never get into that field.",
)
def _proof() -> Iterator[str]:
    if conf.USER_ID_VERIFIED is None and (kind := _contact()):
        yield (
            f"Nobody has to prove that the {kind} behind his Layer user ID is his: "
            "LAYER_IDENTITY['USER_ID_VERIFIED'] is not set."
        )


@rule(
    "W021",
    hint="The first of them gets the Layer user ID and the others are refused. "
    "Make the field unique and name no method of it, or name another.",
)
def _unique_field() -> Iterator[str]:
    if is_not_unique(conf.USER_ID):
        yield (
            f"LAYER_IDENTITY['USER_ID'] is {conf.USER_ID!r}, and several users may have "
            "the same there."
        )


@rule(
    "W022",
    hint='Take "pk", or "django_layer_identity.mapping.user_ids:random_uuid"; or '
    "silence this if your users want it so.",
)
def _disclosure() -> Iterator[str]:
    if kind := _contact():
        yield f"Each chat partner sees the user's {kind}: the Layer user ID discloses it."


def _contact() -> str | None:
    """Return how the mapped value reaches the user, if it is an address or a number."""
    normalizer, fields = _normalizer_in_use(), resolve_field_path(conf.USER_ID)[0]
    if normalizer in (email, email_casefold) or is_email(fields):
        return "e-mail address"
    if normalizer is phone or is_phone(fields):
        return "phone number"
    return None


def _normalizer_in_use() -> object:
    return None if _normalizer() else find_normalizer(conf.USER_ID_NORMALIZER)


def _source_error(source: object) -> str | None:
    """Say why a source of values cannot work; None if it may."""
    if callable(source):
        return None
    if not isinstance(source, str):
        return f"it is a {type(source).__name__}."
    if ":" in source:
        try:
            import_callable(source)
        except ConfigurationError as exc:
            return str(exc)
        return None
    name, model = source.partition(".")[0], get_user_model()
    return None if hasattr(model, name) else f"{model.__name__} has no {name!r}."


# Claims


@rule("E006", hint='For example: {"display_name": "get_full_name"}.')
def _claims() -> Iterator[str]:
    try:
        _ = conf.CLAIMS
    except ConfigurationError:
        yield "LAYER_IDENTITY['CLAIMS'] must be a dict or None."


@rule("W007", hint="Remove it, or set None to send no profile claim.")
def _empty_claims() -> Iterator[str]:
    if _claims_setting() == {}:
        yield (
            "LAYER_IDENTITY['CLAIMS'] is an empty dict, which changes nothing: it is "
            "merged over the default."
        )


def _known_claims() -> Iterator[CheckMessage]:
    for name in _sources():
        if name not in CLAIM_LIMITS and name not in RESERVED_CLAIMS:
            yield Warning(
                f"LAYER_IDENTITY['CLAIMS'] has {name!r}, which Layer does not know: it "
                "is never sent.",
                hint=suggestion(str(name).lower(), CLAIM_LIMITS),
                id="layer_identity.W005",
            )


@rule(
    "E024",
    hint="It says who the token is for and until when: remove it. Layer user IDs "
    "come from LAYER_IDENTITY['USER_ID'], times from 'TOKEN_LIFETIME'.",
)
def _reserved_claims() -> Iterator[str]:
    for name in sorted(RESERVED_CLAIMS.intersection(_sources())):
        yield f"LAYER_IDENTITY['CLAIMS'] has {name!r}, which is reserved."


@rule("W002", hint="Correct or remove it in LAYER_IDENTITY['CLAIMS'].")
def _claim_sources() -> Iterator[str]:
    for name, source in _sources().items():
        if source is not None and (error := _source_error(source)):
            yield f"The claim {name!r} is always left out: {error}"


@rule("W006", hint="Name another source in LAYER_IDENTITY['CLAIMS'].")
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
    """Return the project's own: a user model need not have what the default names."""
    setting = _claims_setting()
    return setting if isinstance(setting, Mapping) else {}


def _claims_setting() -> object:
    return getattr(settings, "LAYER_IDENTITY", {}).get("CLAIMS")


@rule("E025", hint='Scheme, host and port alone, such as "https://example.com".')
def _public_base_url() -> Iterator[str]:
    url: object = conf.PUBLIC_BASE_URL
    if url is not None and not (isinstance(url, str) and _ORIGIN.fullmatch(url)):
        yield f"LAYER_IDENTITY['PUBLIC_BASE_URL'] is no origin: {url!r}."


# The ledger


@rule("E030", hint=f"One of: {', '.join(map(repr, CHANGES))}.")
def _change() -> Iterator[str]:
    if conf.USER_ID_CHANGE not in CHANGES:
        yield "LAYER_IDENTITY['USER_ID_CHANGE'] is none of its three values."


@rule(
    "E033",
    hint="Let DATABASE_ROUTERS send the app layer_identity to where the user "
    "model is: the ledger has a foreign key to it.",
)
def _one_database() -> Iterator[str]:
    ours, theirs = (router.db_for_write(one) for one in (LayerUser, get_user_model()))
    if ours != theirs:
        yield f"Layer users are in the database {ours!r}, your users in {theirs!r}."


def check_databases(
    databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Check that each database of the ledger stores every character."""
    return [
        message
        for alias in databases or ()
        if connections[alias].vendor == "mysql"
        and router.allow_migrate_model(alias, LayerUser)
        for message in _charset(alias)
    ]


@rule(
    "E034",
    hint="Convert it to utf8mb4, and leave 'charset' out of the OPTIONS in "
    "DATABASES: Django's default is utf8mb4.",
)
def _charset(alias: str) -> Iterator[str]:
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT @@character_set_connection, COALESCE("
            "(SELECT character_set_name FROM information_schema.columns"
            " WHERE table_schema = DATABASE()"
            " AND table_name = %s AND column_name = 'user_id'),"
            " @@character_set_database)",  # before the table is there
            [LayerUser._meta.db_table],
        )
        narrow = sorted(set(cursor.fetchone()) - {"utf8mb4"})
    if narrow:
        yield (
            f"The database {alias!r} keeps Layer user IDs in {narrow[0]}, where not "
            "every character has room."
        )


# What the fields of the user model tell about the values behind an attribute path


def resolve_field_path(source: object) -> tuple[FieldPath, list[str]]:
    """
    Return the fields that an attribute path goes along, and what goes on from there.

    That is whatever is no field: the ``lower`` of ``email.lower``, a method of the
    user's, a property. There are no fields behind a callable.
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
        # A relation from the other side is reached by its accessor's name.
        reverse = getattr(field, "get_accessor_name", None)
        if (reverse() if reverse else field.name) == name:
            return field
    return next((one for one in model._meta.fields if one.attname == name), None)


def is_not_unique(source: object) -> bool:
    """Return whether two users may have the same there, as far as fields show that."""
    fields, rest = resolve_field_path(source)
    if not fields:
        return False
    *relations, field = fields
    if rest and field.is_relation:  # a method of a row: only the project knows
        return not all(one.one_to_one for one in fields)
    if rest:  # a method of a value may map two to one: lower, strip
        return True
    return not (all(one.one_to_one for one in relations) and _is_unique_field(field))


def _is_unique_field(field: Any) -> bool:
    if not isinstance(field, Field):
        return False
    options = field.model._meta
    return (
        field.unique
        or (field.name,) in options.unique_together
        or any(_unique_fields(one) == [field.name] for one in options.constraints)
    )


def _unique_fields(constraint: BaseConstraint) -> list[str]:
    # With a condition it applies to some rows; only the project knows which.
    if not isinstance(constraint, UniqueConstraint) or constraint.condition is not None:
        return []
    parts: Iterator[Any] = Func(*constraint.expressions).flatten()
    return [*constraint.fields, *(one.name for one in parts if hasattr(one, "name"))]


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
    _proof,
    _unique_field,
    _disclosure,
    _change,
    _one_database,
)
DEPLOYMENT_RULES = (_disclosing_claims,)
