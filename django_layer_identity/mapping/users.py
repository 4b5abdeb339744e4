"""The project's users: find one, and check that it is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import Error, router
from django.utils.functional import LazyObject

from django_layer_identity.exceptions import (
    AuthenticationFailed,
    NotFound,
    Unavailable,
    UserInactive,
)

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser


def is_user(user: Any) -> bool:
    """
    Return whether this is a user of the project's user model, and has its primary key.

    A model that inherits from it may have one of its own, which may be another user's.
    """
    model: Any = get_user_model()
    return isinstance(user, model) and user.pk == getattr(user, model._meta.pk.attname)


def saved_user(user: Any) -> AbstractBaseUser | None:
    """Return the user without lazy wrappers, or None if it is not a saved user."""
    if not is_user(user) or user.pk is None or user._state.adding:
        return None
    while isinstance(user, LazyObject):  # django-otp and django-hijack wrap it again
        user = user._wrapped
    return cast("AbstractBaseUser", user)


def check_user(user: Any) -> None:
    """
    Check that `user` is a saved, active instance of the project's user model.

    A user from another database, such as a replica that lags behind, is read again.

    :raises AuthenticationFailed, UserInactive: for every other user.
    :raises Unavailable: if the database does not answer.
    """
    if saved_user(user) is None:
        raise AuthenticationFailed
    model = get_user_model()
    using = router.db_for_write(model)
    if user._state.db != using:
        try:
            user = model._base_manager.using(using).filter(pk=user.pk).first()
        except Error as exc:
            raise Unavailable from exc
        if user is None:
            raise AuthenticationFailed
    if not getattr(user, "is_active", True):
        raise UserInactive


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
