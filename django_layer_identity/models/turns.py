"""The keys of a Layer app change one at a time."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from django_layer_identity.exceptions import NotFound
from django_layer_identity.models.app import LayerApp
from django_layer_identity.models.locking import write_or_retry

if TYPE_CHECKING:
    from django_layer_identity.models.key_life import SigningKey

P = ParamSpec("P")
T = TypeVar("T")


def in_turn(
    act: Callable[Concatenate[SigningKey, P], T],
) -> Callable[Concatenate[SigningKey, P], T]:
    """
    Let a key act in its turn, upon what is stored when the turn comes.

    A race that was lost is run again; an act that is refused leaves the object as it
    was.
    """

    def wrapper(key: SigningKey, /, *args: P.args, **kwargs: P.kwargs) -> T:
        def write() -> T:
            wait_for_turn(key)
            return act(key, *args, **kwargs)

        names = [field.attname for field in key._meta.concrete_fields]
        before = {name: getattr(key, name) for name in names}
        try:
            return write_or_retry(write, using=key.database)
        except Exception:
            for name, value in before.items():
                setattr(key, name, value)
            raise

    return wraps(act)(wrapper)


def wait_for_turn(key: SigningKey) -> None:
    """
    Hold the app's row, then the key's, and look at the key again.

    :raises NotFound: if it was deleted.
    """
    LayerApp.objects.lock(key.app_id, key.database)
    keys = type(key).objects.using(key.database).select_for_update()
    try:
        key.refresh_from_db(from_queryset=keys)
    except type(key).DoesNotExist as exc:
        raise NotFound("This signing key was deleted.") from exc
