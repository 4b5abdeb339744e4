"""The Layer user ID of a Django user, or a refusal: never a guess."""

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

# Characters before normalizing; ours. Four times what Layer takes, so that white space
# and long spellings get through, and nothing on which a normalizer could be kept busy.
MAX_RAW_LENGTH = 512


def random_uuid(context: MappingContext[Any]) -> str:
    """
    Give a user an ID that discloses nothing; the ledger keeps it.

    One that he has is kept if it looks like a UUID, normalized as the project wants it;
    any other may disclose something.
    """
    made, current = str(uuid4()), context.current_user_id
    if current and _uuid_shape(current) == _uuid_shape(_normalized(made)):
        return current
    return made


def is_random() -> bool:
    """Tell whether ``USER_ID`` gives something else each time until it is kept."""
    place = f"{random_uuid.__module__}:{random_uuid.__name__}"
    return conf.USER_ID in (random_uuid, place)


def _uuid_shape(text: str) -> str:
    return re.sub("[0-9a-fA-F]", "0", text)


def compute_user_id(context: MappingContext) -> str:
    """
    Return what ``USER_ID`` gives for the user, normalized and proved to be his.

    Integers and UUIDs become text; everything else that is no text is refused.

    :raises UserIDUnavailable: if the user has no value, one that cannot be an ID, or one
        that is not verified.
    :raises UserIDFailed: if the value is of another type, or computing it fails.
    """
    try:
        user_id = _normalized(resolve_source(conf.USER_ID, context))
        if not _is_verified(context):
            raise UserIDUnavailable(
                "This user's Layer user ID is not verified: confirm it, then try again."
            )
    except UserIDUnavailable:
        raise  # a callable may say so itself
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
    # Before as well as after: folding would make "none" of a missing value.
    text = check_user_id(as_text(value), max_length=MAX_RAW_LENGTH)
    return check_user_id(as_text(normalizer(text)))


def as_text(value: Any) -> str:
    """
    Return text as it is, and integers and UUIDs as text; None is ``""``.

    :raises TypeError: if it is anything else.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return str.__str__(value)  # of an enumeration's member the value, not the name
    if isinstance(value, UUID):
        return str(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"USER_ID gave a {type(value).__name__}, not text.")
    return str(int(value))


def _is_verified(context: MappingContext) -> bool:
    source = conf.USER_ID_VERIFIED
    if source is None or source is True:
        return True
    verified = False if source is False else resolve_source(source, context)
    # Of other types nobody knows what they mean: "no", a manager, a coroutine are true.
    if verified is None or isinstance(verified, (int, date)):
        return bool(verified)
    kind = type(verified).__name__
    raise TypeError(f"USER_ID_VERIFIED gave a {kind}, not a bool or a time.")
