"""What people paste into forms is wrapped before anything can echo, log or report it."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from django.views.decorators.debug import sensitive_post_parameters

from django_layer_identity.keys.secrecy import Secret, forgets

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

SECRET_FIELDS = ("private_key", "passphrase")
MAX_LENGTH = 300  # characters; a private key has more, what other fields take has less

Data = TypeVar("Data")


@forgets
def wrap(data: Data) -> Data:
    """
    Return the form data with what is secret, or long enough to be, in a ``Secret``.

    A private key may have been pasted into another field than its own, and a field
    with an error shows again what was entered.
    """
    if not data:
        return data
    wrapped: Any = data.copy()  # type: ignore[attr-defined]
    for name in wrapped:
        if hasattr(wrapped, "setlist"):
            wrapped.setlist(name, [_wrap(name, each) for each in wrapped.getlist(name)])
        else:
            wrapped[name] = _wrap(name, wrapped[name])
    return wrapped  # type: ignore[no-any-return]


@forgets
def _wrap(name: str, value: Any) -> Any:
    if isinstance(value, str) and (name in SECRET_FIELDS or len(value) > MAX_LENGTH):
        return Secret(value)
    return value


def wrap_first(patterns: list[Any]) -> list[Any]:
    """
    Return a model admin's URL patterns; their views wrap what comes in before all else.

    That is, also before the admin asks who sent it.
    """
    for pattern in patterns:
        pattern.callback = _wrapping(pattern.callback)
    return patterns


def _wrapping(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    @wraps(view)
    def wrapping(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        request.GET = wrap(request.GET)
        request.POST = wrap(request.POST)
        return view(request, *args, **kwargs)

    return sensitive_post_parameters()(wrapping)
