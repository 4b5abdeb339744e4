"""
Helpers that keep secrets out of error reports.

An error report shows the local variables of every function that the exception passed
through. Django hides the variables that are declared sensitive, but not while ``DEBUG``
is on, and third-party error reporters ignore the declaration. So a secret is wrapped in
:class:`Secret` as soon as it arrives, and functions that use the plain value are
decorated with :func:`hide_locals`.
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
    """An object with a secret. It cannot be pickled, and a copy is the same object."""

    __slots__ = ()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"{type(self).__name__} contains a secret, so it cannot be pickled."
        )

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self


class Secret(NotPicklable):
    """A wrapper whose ``repr`` does not show the value, and whose ``str`` is empty."""

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
        """Return the plain value. Use it only in functions with :func:`hide_locals`."""
        return self._value


def hide_locals(function: Callable[P, T]) -> Callable[P, T]:
    """Clear the local variables in the traceback of any exception that is raised."""

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
    """Clear the frames of an exception, its cause and its context."""
    if exc is None or id(exc) in done:
        return
    done.add(id(exc))
    traceback.clear_frames(exc.__traceback__)
    _clear_frames(exc.__cause__, done)
    _clear_frames(exc.__context__, done)
