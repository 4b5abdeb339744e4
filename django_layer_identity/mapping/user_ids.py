"""The Layer user ID of a Django user, or a refusal: never a guess."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django_layer_identity.conf import conf
from django_layer_identity.exceptions import (
    InvalidClaims,
    UserIDFailed,
    UserIDUnavailable,
)
from django_layer_identity.mapping.attributes import resolve
from django_layer_identity.protocol.claims import check_user_id

if TYPE_CHECKING:
    from django_layer_identity.mapping.attributes import MappingContext


def layer_user_id(context: MappingContext) -> str:
    """
    Return what ``USER_ID`` gives for the user, as text.

    Integers and UUIDs become text; everything else that is no text is refused.

    :raises UserIDUnavailable: if the user has no value, a blank or an over-long one.
    :raises UserIDFailed: if the value is of another type, or computing it fails.
    """
    try:
        return check_user_id(_as_text(resolve(conf.USER_ID, context)))
    except UserIDUnavailable:
        raise  # a callable may say so itself
    except InvalidClaims as exc:
        raise UserIDUnavailable from exc
    except Exception as exc:
        raise UserIDFailed from exc


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (int, UUID)) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise TypeError(f"USER_ID gave a {type(value).__name__}, not text.")
    return value
