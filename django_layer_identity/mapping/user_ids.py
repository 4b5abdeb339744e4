"""Compute the Layer user ID of a Django user."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from django_layer_identity.conf import conf
from django_layer_identity.exceptions import (
    InvalidClaims,
    UserIDFailed,
    UserIDUnavailable,
)
from django_layer_identity.mapping.normalizers import (
    find_normalizer,
    phone,
    write_phone,
)
from django_layer_identity.mapping.sources import resolve_source
from django_layer_identity.protocol.claims import check_user_id

if TYPE_CHECKING:
    from django_layer_identity.mapping.sources import MappingContext

# Characters before normalizing; our own limit, four times Layer's. It allows white
# space and long spellings, and bounds the work of a normalizer.
MAX_RAW_LENGTH = 512


def random_uuid(context: MappingContext[Any]) -> str:
    """
    Return a random UUID, which discloses nothing. The ledger keeps it.

    A user keeps their current ID if it looks like a normalized UUID. Any other ID may
    disclose something, so it is replaced.
    """
    new, current = str(uuid4()), context.current_user_id
    if current and _uuid_shape(current) == _uuid_shape(_normalized(new)):
        return current
    return new


def is_random() -> bool:
    """Return whether ``USER_ID`` is :func:`random_uuid`, as a function or a path."""
    path = f"{random_uuid.__module__}:{random_uuid.__name__}"
    return conf.USER_ID in (random_uuid, path)


def needs_project_code() -> bool:
    """Return whether functions of the project compute, normalize or verify the ID."""
    is_function = _is_function(conf.USER_ID) and not is_random()
    others = conf.USER_ID_NORMALIZER, conf.USER_ID_VERIFIED
    return is_function or any(map(_is_function, others))


def _is_function(source: object) -> bool:
    return callable(source) or (isinstance(source, str) and ":" in source)


def _uuid_shape(text: str) -> str:
    return re.sub("[0-9a-fA-F]", "0", text)


def compute_user_id(context: MappingContext) -> str:
    """
    Return the user's value of ``USER_ID``, normalized and verified.

    Integers and UUIDs become text.

    :raises UserIDUnavailable: if the value is missing, unverified, or not a valid ID.
    :raises UserIDFailed: if the value has another type, or computing it fails.
    """
    try:
        user_id = _normalized(resolve_source(conf.USER_ID, context))
        if not _is_verified(context):
            raise UserIDUnavailable(
                "This user's Layer user ID is not verified: verify it, then try again."
            )
    except UserIDUnavailable:
        raise  # also raised by callables of the project
    except InvalidClaims as exc:
        raise UserIDUnavailable from exc
    except Exception as exc:
        raise UserIDFailed from exc
    return user_id


def _normalized(value: Any) -> str:
    normalizer = find_normalizer(conf.USER_ID_NORMALIZER)
    if normalizer is None:
        return check_user_id(as_text(value))
    if normalizer is phone:
        value = write_phone(value)
    # Check before normalizing too: casefold would turn "None" into the valid "none".
    text = check_user_id(as_text(value), max_length=MAX_RAW_LENGTH)
    return check_user_id(as_text(normalizer(text)))


def as_text(value: Any) -> str:
    """
    Return text as it is, and integers and UUIDs as text; None is ``""``.

    :raises TypeError: if it has another type.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return str.__str__(value)  # the value of an enumeration member, not its name
    if isinstance(value, UUID):
        return str(value)
    if not isinstance(value, int) or isinstance(value, bool):
        kind = type(value).__name__
        raise TypeError(
            f"A Layer user ID must be text, an integer or a UUID, not {kind}."
        )
    return str(int(value))


def _is_verified(context: MappingContext) -> bool:
    source = conf.USER_ID_VERIFIED
    if source is None or source is True:
        return True
    verified = False if source is False else resolve_source(source, context)
    # Other types are ambiguous: "no", a manager and a coroutine are all truthy.
    if verified is None or isinstance(verified, (int, date)):
        return bool(verified)
    kind = type(verified).__name__
    raise TypeError(f"USER_ID_VERIFIED must return a bool, a date or None, not {kind}.")
