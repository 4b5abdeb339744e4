"""Find and check instances of the project's user model."""

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
from django_layer_identity.keys.reading import BEGIN, holds_key

if TYPE_CHECKING:
    from collections.abc import Collection

    from django.contrib.auth.base_user import AbstractBaseUser


def is_user(user: Any) -> bool:
    """
    Return whether this is an instance of the user model, with the model's primary key.

    A model that inherits from the user model may have its own primary key, which may
    identify a different user.
    """
    model: Any = get_user_model()
    return isinstance(user, model) and user.pk == getattr(user, model._meta.pk.attname)


def saved_user(user: Any) -> AbstractBaseUser | None:
    """Return the user without lazy wrappers, or None if it is not a saved user."""
    if not is_user(user) or user.pk is None or user._state.adding:
        return None
    # django-otp and django-hijack wrap the user again.
    while isinstance(user, LazyObject):
        user = user._wrapped
    return cast("AbstractBaseUser", user)


def check_user(user: Any) -> None:
    """
    Check that `user` is a saved, active instance of the project's user model.

    A user from another database is read again, because a replica may lag behind.

    :raises AuthenticationFailed: if the user is not a saved user of the model.
    :raises UserInactive: if the user is not active.
    :raises Unavailable: if the database is unavailable.
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
    Return the user with this natural key, for example a username.

    If the user model does not have natural keys, the key is the primary key.

    :raises NotFound: if no user or more than one user matches.
    """
    # Queries are logged, so they must not contain a private key. PostgreSQL refuses a
    # query that contains a NUL character.
    if BEGIN in str(key) or "\0" in str(key):
        raise NotFound("There is no user with this name.")
    model: Any = get_user_model()
    users = model._default_manager.db_manager(router.db_for_write(model))
    try:
        if hasattr(users, "get_by_natural_key"):
            return users.get_by_natural_key(key)
        return users.get(pk=key)
    except (ObjectDoesNotExist, ValidationError, ValueError) as exc:
        # Do not repeat a private key that was pasted by mistake.
        name = "with this name" if holds_key(key) else repr(key)
        raise NotFound(f"There is no user {name}.") from exc
    except model.MultipleObjectsReturned as exc:
        raise NotFound(f"Several users are called {key!r}.") from exc


def users_by_pk(texts: Collection[str]) -> dict[str, AbstractBaseUser]:
    """
    Return the users with these primary keys, by the text of their keys, in one query.

    A text without a user, or that cannot be a primary key, is left out.
    """
    model: Any = get_user_model()
    pks = [pk for text in texts if (pk := _to_pk(model._meta.pk, text)) is not None]
    return {str(user.pk): user for user in model._base_manager.filter(pk__in=pks)}


def _to_pk(field: Any, text: str) -> Any:
    """Return the text as a value of the primary key, or None if it cannot be one."""
    while field.remote_field:  # the link to the parent of a model that inherits
        field = field.target_field
    try:
        pk = field.to_python(text)
        field.run_validators(pk)  # for example, the database's largest integer
    except (ValidationError, ValueError, TypeError):
        return None
    return pk


def impersonator_of(request: Any) -> str | None:
    """
    Return the primary key of the user who impersonates the request's user, or None.

    django-hijack and django-loginas store it in the session, django-impersonate in
    ``request.impersonator``.
    """
    found = getattr(request, "impersonator", None)
    if found is not None:
        return str(found.pk)
    session = getattr(request, "session", {})
    history = session.get("hijack_history")
    if history:
        # The first user; the other entries were impersonated too.
        return str(history[0])
    flag = getattr(settings, "LOGINAS_FROM_USER_SESSION_FLAG", "loginas_from_user")
    signed = session.get(flag)
    # The format is "primary key:time:signature".
    return str(signed).rsplit(":", 2)[0] if signed else None
