"""Which fields of the user model an attribute path means, and what is known of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import EmailField, Field, Model, UniqueConstraint
from django.db.models.constraints import BaseConstraint

FieldPath = list[Any]  # fields and relations, from the user model on


def fields_of(source: object) -> tuple[FieldPath, list[str]]:
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


def may_be_shared(source: object) -> bool:
    """Tell whether two users may have the same there, as far as fields show that."""
    fields, rest = fields_of(source)
    if not fields:
        return False
    *relations, field = fields
    if rest and field.is_relation:  # a method of a row: anybody's guess, as the user's
        return not all(one.one_to_one for one in fields)
    if rest:  # a method of a value makes one of two: lower, strip
        return True
    return not (all(one.one_to_one for one in relations) and _is_unique_field(field))


def _is_unique_field(field: Any) -> bool:
    if not isinstance(field, Field):
        return False
    options = field.model._meta
    if field.unique or (field.name,) in options.unique_together:
        return True
    return any(_makes_unique(one, field.name) for one in options.constraints)


def _makes_unique(constraint: BaseConstraint, name: str) -> bool:
    # One with a condition holds for some rows; which, only the project knows.
    if not isinstance(constraint, UniqueConstraint) or constraint.condition is not None:
        return False
    if constraint.expressions:
        return _named_in(constraint.expressions) == [name]
    return tuple(constraint.fields) == (name,)


def _named_in(expressions: Iterable[Any]) -> list[str]:
    named: list[str] = []
    for one in expressions:
        if hasattr(one, "get_source_expressions"):
            named += _named_in(one.get_source_expressions())
        else:
            named.append(one.name)  # F
    return named


def is_email(fields: FieldPath) -> bool:
    """Tell whether the path leads to an e-mail address."""
    if not fields:
        return False
    return isinstance(fields[-1], EmailField) or "email" in fields[-1].name.lower()


def is_phone(fields: FieldPath) -> bool:
    """Tell whether the path leads to a phone number."""
    if not fields:
        return False
    kind, name = type(fields[-1]).__name__, fields[-1].name.lower()
    return "PhoneNumber" in kind or "phone" in name or "msisdn" in name
