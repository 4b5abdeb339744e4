"""Which fields of the user model an attribute path means, and what is known of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import EmailField, Field, Func, Model, UniqueConstraint
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
    """Return whether two users may have the same there, as far as fields show that."""
    fields, rest = fields_of(source)
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
    return any(
        isinstance(field, EmailField) or "email" in field.name.lower()
        for field in fields[-1:]
    )


def is_phone(fields: FieldPath) -> bool:
    """Return whether the path leads to a phone number."""
    return any(
        "PhoneNumber" in type(field).__name__
        or "phone" in field.name.lower()
        or "msisdn" in field.name.lower()
        for field in fields[-1:]
    )
