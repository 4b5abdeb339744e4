"""
Handle what nobody may see.

Error reports show the local variables of every function that an exception came
through: Django hides those that are declared sensitive, but not while ``DEBUG`` is on,
and other people's reporters do not know of the declaration. So a secret is wrapped as
soon as it comes in, and the functions that unwrap it forget their variables.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar

if TYPE_CHECKING:
    from typing_extensions import Self

P = ParamSpec("P")
T = TypeVar("T")


class NotPicklable:
    """An object that holds a secret: it is not pickled, and a copy is itself."""

    __slots__ = ()

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds a secret and is not pickled.")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self


class Secret(NotPicklable):
    """A value that shows itself nowhere; ``str`` of it is empty."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "<Secret>"

    def __str__(self) -> str:
        return ""

    def __bool__(self) -> bool:
        return bool(self._value)

    def reveal(self) -> Any:
        """Return what it is, for a function that :func:`hide_locals` to use at once."""
        return self._value


def hide_locals(function: Callable[P, T]) -> Callable[P, T]:
    """Let exceptions pass without the variables of what they were raised in."""

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except BaseException as exc:
            args, kwargs = (), {}  # type: ignore[assignment]
            _clear_frames(exc, set())
            raise

    return wrapper


def _clear_frames(exc: BaseException | None, done: set[int]) -> None:
    """Clear the frames that an exception, its cause and its context hold on to."""
    if exc is None or id(exc) in done:
        return
    done.add(id(exc))
    traceback.clear_frames(exc.__traceback__)
    _clear_frames(exc.__cause__, done)
    _clear_frames(exc.__context__, done)
