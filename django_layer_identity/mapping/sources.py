"""Resolve value sources: attribute paths, callables, ``"module:function"``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic

from django.core.exceptions import ObjectDoesNotExist
from django.db.models.fields.files import FieldFile
from django.utils.module_loading import import_string

from django_layer_identity.exceptions import ConfigurationError

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest
    from typing_extensions import TypeVar

    from django_layer_identity.conf import Source
    from django_layer_identity.models import LayerApp

    UserT = TypeVar("UserT", bound=AbstractBaseUser, default=AbstractBaseUser)
else:  # only type checkers need the bound and the default
    from typing import TypeVar

    UserT = TypeVar("UserT")


@dataclass(frozen=True)
class MappingContext(Generic[UserT]):
    """
    The argument of the project's callables: one object, to which fields can be added.

    Annotate with ``MappingContext[User]``, where ``User`` is the project's user model.
    """

    user: UserT
    app: LayerApp
    request: HttpRequest | None = None
    # The user's ID in the ledger; only for USER_ID, under "follow" and "refuse".
    current_user_id: str | None = field(default=None, repr=False)


def resolve_source(source: Source, context: MappingContext) -> Any:
    """
    Return the value of the source, or None if there is no value.

    :param source: an attribute path that starts at the user, such as ``"username"``,
        ``"get_full_name"`` or ``"profile.phone_number"`` (methods are called); a
        callable that takes a :class:`MappingContext`; or its import path as
        ``"module:function"``.
    :raises ConfigurationError: if an attribute or the callable does not exist, or if
        the path names a private attribute or a method that changes data.
    :raises Exception: any exception of a callable or method.
    """
    if not isinstance(source, str):
        return source(context)
    if ":" in source:
        return import_callable(source)(context)
    return _resolve_path(source, context.user)


def import_callable(source: str) -> Any:
    """
    Return the callable that ``"module:function"`` names.

    :raises ConfigurationError: if it cannot be imported or is not callable.
    """
    try:
        found = import_string(source.replace(":", "."))
    except (ImportError, ValueError) as exc:  # ValueError: the module name is empty
        raise ConfigurationError(f"{source!r} cannot be imported: {exc}") from exc
    if not callable(found):
        raise ConfigurationError(f"{source!r} is not callable.")
    return found


def _resolve_path(path: str, value: Any) -> Any:
    for name in path.split("."):
        if value is None or _is_empty_file(value):
            return None
        value = _attribute(value, name, path)
    return value


def _is_empty_file(value: Any) -> bool:
    return isinstance(value, FieldFile) and not value  # its url and path would raise


def _attribute(owner: Any, name: str, path: str) -> Any:
    if name.startswith("_"):
        raise ConfigurationError(f"{path!r} names a private attribute.")
    try:
        value = getattr(owner, name)
    except ObjectDoesNotExist:
        return None  # for example, a user without a profile
    except AttributeError as exc:
        if hasattr(type(owner), name):
            raise  # a property that fails inside
        raise ConfigurationError(
            f"{path!r} does not exist: {type(owner).__name__} has no attribute {name!r}."
        ) from exc
    # As in Django's templates: do not call managers, or methods that change data.
    if not callable(value) or getattr(value, "do_not_call_in_templates", False):
        return value
    if getattr(value, "alters_data", False):
        raise ConfigurationError(f"{path!r} names a method that changes data.")
    return value()
