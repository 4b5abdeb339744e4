"""Pages that show and report no private key, wherever it is pasted."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib import admin, messages
from django.db import OperationalError
from django.http import HttpResponseRedirect
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters

from django_layer_identity.exceptions import LayerIdentityError
from django_layer_identity.keys.reading import BEGIN
from django_layer_identity.keys.secrets import Secret, forgets
from django_layer_identity.models.locking import lost_race

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

SECRET_FIELDS = ("private_key", "passphrase")
MAX_LENGTH = 300  # characters; a private key has more, what other fields take has less
MAX_SEARCH_LENGTH = 200  # characters
SEARCHED = _(
    "This search was not run: it is longer than 200 characters or holds a private key. "
    "If it was a private key, the key is in the server's access log now: treat it as "
    "disclosed and revoke it."
)

Data = TypeVar("Data")


@forgets
def wrap(data: Data, *, misplaced: bool = False) -> Data:
    """
    Return form data with its private keys and passphrases in a ``Secret`` each.

    :param misplaced: also wrap what may be a private key in any other field, because
        a field with an error shows again what was entered.
    """
    if not data:
        return data
    wrapped: Any = data.copy()  # type: ignore[attr-defined]
    for name in wrapped:
        if hasattr(wrapped, "setlist"):
            values = [_wrap(name, each, misplaced) for each in wrapped.getlist(name)]
            wrapped.setlist(name, values)
        else:
            wrapped[name] = _wrap(name, wrapped[name], misplaced)
    return wrapped  # type: ignore[no-any-return]


def _wrap(name: str, value: Any, misplaced: bool) -> Any:
    if not isinstance(value, str):
        return value
    is_secret = name in SECRET_FIELDS or (misplaced and _may_be_key(value, MAX_LENGTH))
    return Secret(value) if is_secret else value


def _may_be_key(text: str, longest: int) -> bool:
    return len(text) > longest or BEGIN in text


def wrap_first(patterns: list[Any]) -> list[Any]:
    """
    Return a model admin's URL patterns; their views wrap what is posted before all else.

    That is, also before the admin asks who sent it.
    """
    for pattern in patterns:
        pattern.callback = _wrapping(pattern.callback)
    return patterns


def _wrapping(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    @wraps(view)
    def wrapping(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        request.POST = wrap(request.POST)
        return view(request, *args, **kwargs)

    return sensitive_post_parameters()(wrapping)


def refuse_search(request: HttpRequest) -> HttpResponse | None:
    """Return a redirect to the list if what is searched for may be a private key."""
    if not _may_be_key(request.GET.get("q", ""), MAX_SEARCH_LENGTH):
        return None
    _remove_search(request)
    messages.error(request, SEARCHED)
    return HttpResponseRedirect(request.get_full_path())


@forgets
def _remove_search(request: HttpRequest) -> None:
    """Remove the term from the request, all of which error reports show."""
    query: Any = request.GET.copy()
    del query["q"]
    request.GET = query
    asked, kept = request.META["QUERY_STRING"], query.urlencode()
    for name, value in request.META.items():
        if isinstance(value, str):  # servers have copies: RAW_URI, REQUEST_URI
            request.META[name] = value.replace(asked, kept)
    getattr(request, "scope", {})["query_string"] = kept.encode()  # ASGI's copy


BUSY = _("The database is busy. Nothing was changed: try again.")


class DiscreetAdmin(admin.ModelAdmin):
    """
    Pages into which a private key may be pasted, rightly or by mistake.

    A form that was right until a moment ago is a message and no server error.
    """

    @property
    def urls(self) -> list[Any]:
        """Wrap private keys before any page looks at what is posted."""
        return wrap_first(self.get_urls())

    def changelist_view(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        refused = refuse_search(request)
        return refused or super().changelist_view(request, *args, **kwargs)

    def changeform_view(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except (LayerIdentityError, OperationalError) as exc:
            # A page that cannot be shown would only lead to itself.
            if request.method != "POST" or not _is_told(exc):
                raise
            told = exc if isinstance(exc, LayerIdentityError) else BUSY
            self.message_user(request, str(told), messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())


class ReadOnlyAdmin(DiscreetAdmin):
    """Pages that show what is stored, and never change it."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


def _is_told(exc: LayerIdentityError | OperationalError) -> bool:
    return isinstance(exc, LayerIdentityError) or lost_race(exc)
