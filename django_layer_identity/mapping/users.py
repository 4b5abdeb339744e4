"""The project's users, by what people call them."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist, ValidationError

from django_layer_identity.exceptions import NotFound


def find_user(key: str) -> Any:
    """
    Return the user whom a natural key names, a username for example.

    A user model without natural keys takes primary keys.

    :raises NotFound: if there is none.
    """
    users: Any = get_user_model()._default_manager
    try:
        if hasattr(users, "get_by_natural_key"):
            return users.get_by_natural_key(key)
        return users.get(pk=key)
    except (ObjectDoesNotExist, ValidationError, ValueError) as exc:
        raise NotFound(f"There is no user {key!r}.") from exc
