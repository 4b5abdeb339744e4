"""Where values come from: attribute paths, callables, ``"module:function"``."""

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
else:  # without the bound and the default, which are the type checker's alone
    from typing import TypeVar

    UserT = TypeVar("UserT")


@dataclass(frozen=True)
class MappingContext(Generic[UserT]):
    """
    What a callable is given; one object, so that new inputs break no signature.

    Annotate with ``MappingContext[User]``, where ``User`` is the project's user model.
    """

    user: UserT
    app: LayerApp
    request: HttpRequest | None = None
    # What the ledger has; for USER_ID only, under "follow" and "refuse".
    current_user_id: str | None = field(default=None, repr=False)


def resolve_source(source: Source, context: MappingContext) -> Any:
    """
    Return the value, or None where there is none.

    :param source: an attribute path from the user on, such as ``"username"``,
        ``"get_full_name"`` or ``"profile.phone_number"`` (methods are called); a
        callable that takes a :class:`MappingContext`; or such a callable's place as
        ``"module:function"``.
    :raises ConfigurationError: if the source leads nowhere.
    :raises Exception: whatever a callable or method raises.
    """
    if not isinstance(source, str):
        return source(context)
    if ":" in source:
        return import_callable(source)(context)
    return _resolve_path(source, context.user)


def import_callable(source: str) -> Any:
    """
    Return the callable that ``"module:function"`` names.

    :raises ConfigurationError: if there is none.
    """
    try:
        found = import_string(source.replace(":", "."))
    except (ImportError, ValueError) as exc:  # ValueError: no module's name at all
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
    return isinstance(value, FieldFile) and not value  # its “url” and “path” raise


def _attribute(owner: Any, name: str, path: str) -> Any:
    if name.startswith("_"):
        raise ConfigurationError(f"{path!r} names a private attribute.")
    try:
        value = getattr(owner, name)
    except ObjectDoesNotExist:
        return None  # a user without a profile, say
    except AttributeError as exc:
        if hasattr(type(owner), name):
            raise  # a property that fails inside
        raise ConfigurationError(
            f"{path!r} leads nowhere: {type(owner).__name__} has no {name!r}."
        ) from exc
    # As in Django's templates: managers are not called, nor what changes data.
    if not callable(value) or getattr(value, "do_not_call_in_templates", False):
        return value
    if getattr(value, "alters_data", False):
        raise ConfigurationError(f"{path!r} names a method that changes data.")
    return value()
