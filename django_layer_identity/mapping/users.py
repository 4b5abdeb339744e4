"""The project's users, by what people call them."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist, ValidationError

from django_layer_identity.exceptions import NotFound


def is_user(user: Any) -> bool:
    """
    Tell whether this is a user of the project's user model, and has its primary key.

    A model that inherits from it may have one of its own: by that he is somebody else.
    """
    model: Any = get_user_model()
    return isinstance(user, model) and user.pk == getattr(user, model._meta.pk.attname)


def find_user(key: str) -> Any:
    """
    Return the user whom a natural key names, a username for example.

    A user model without natural keys takes primary keys.

    :raises NotFound: if there is none, or more than one.
    """
    model: Any = get_user_model()
    users = model._default_manager
    try:
        if hasattr(users, "get_by_natural_key"):
            return users.get_by_natural_key(key)
        return users.get(pk=key)
    except (ObjectDoesNotExist, ValidationError, ValueError) as exc:
        raise NotFound(f"There is no user {key!r}.") from exc
    except model.MultipleObjectsReturned as exc:
        raise NotFound(f"Several users are called {key!r}.") from exc
