"""The project's users, by what people call them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import router

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
    users = model._default_manager.db_manager(router.db_for_write(model))
    try:
        if hasattr(users, "get_by_natural_key"):
            return users.get_by_natural_key(key)
        return users.get(pk=key)
    except (ObjectDoesNotExist, ValidationError, ValueError) as exc:
        raise NotFound(f"There is no user {key!r}.") from exc
    except model.MultipleObjectsReturned as exc:
        raise NotFound(f"Several users are called {key!r}.") from exc


def impersonator_of(request: Any) -> str | None:
    """
    Return the primary key of the user who acts as the request's user, or None.

    Packages tell this in the session or in ``request.impersonator``:
    django-hijack, django-loginas, django-impersonate.
    """
    found = getattr(request, "impersonator", None)
    if found is not None:
        return str(found.pk)
    session = getattr(request, "session", {})
    history = session.get("hijack_history")
    if history:
        return str(history[0])  # the user who began; the others were impersonated too
    flag = getattr(settings, "LOGINAS_FROM_USER_SESSION_FLAG", "loginas_from_user")
    signed = session.get(flag)
    # What it has is "primary key:time:signature".
    return str(signed).rsplit(":", 2)[0] if signed else None
