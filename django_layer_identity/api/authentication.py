"""Credentials in the body, as Layer's own clients post them; opt-in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth import authenticate, get_user_model
from django.http import QueryDict
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from django_layer_identity.keys.secrets import Secret, hide_locals

LOGINS = ("username", "email", "user_id")  # the first that is sent counts
NAMES = (*LOGINS, "password")
BASIC = "basic"
MAX_LENGTH = 1024  # characters; a user model may normalize logins in quadratic time


@dataclass(frozen=True)
class Credentials:
    """A password and the login that goes with it, of whatever type they were sent."""

    name: str  # one of LOGINS, or BASIC
    login: Any = field(repr=False)
    password: Any = field(repr=False)

    def are_usable(self) -> bool:
        """Return whether a backend is asked: not every database takes a NUL."""
        return self.name == BASIC or all(  # DRF uses whatever is sent by Basic
            isinstance(value, str)
            and "\0" not in value
            and 0 < len(value) <= MAX_LENGTH
            for value in (self.login, self.password)
        )

    def for_backends(self) -> tuple[str, str]:
        """Return the name under which the backends are given the login, and the login."""
        model: Any = get_user_model()
        name = getattr(model, "USERNAME_FIELD", "username")
        if self.name == BASIC:
            return name, self.login  # as DRF does
        if self.name == "email" != name:
            return "email", self.login  # to the backends that take one
        return name, getattr(model, "normalize_username", str)(self.login)


class BodyCredentialsAuthentication(BaseAuthentication):
    """
    Authenticate with ``password`` and ``username``, ``email`` or ``user_id``.

    They stand at the top of the body or below ``user``. It is Django's
    ``authenticate()`` that decides, so every backend of the project counts. Where
    another authentication class of the view fails or names a different user, as a
    session left over on a shared device does, nobody is let in.
    """

    @hide_locals  # ModelBackend has the password in a variable that no report hides
    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        credentials = find_credentials(request)
        if credentials is None:
            return None
        user = _authenticate(request, credentials)
        if user is None or _is_contradicted(user, request):
            raise AuthenticationFailed
        return user, None


def find_credentials(request: Request) -> Credentials | None:
    """Return what the body has, or None where it has no password at all."""
    places = [place for place in _places(request.data) if "password" in place]
    if not places:
        return None
    place = places[0] if len(places) == 1 else {}  # ambiguous: refuse two passwords
    name = next((name for name in LOGINS if place.get(name)), LOGINS[0])
    password = place.get("password")
    if isinstance(password, Secret):  # it is none in other views than ours
        password = password.reveal()
    return Credentials(name, place.get(name), password)


def takes_passwords(request: Request) -> bool:
    """Return whether the request is authenticated by credentials in the body, too."""
    return any(
        isinstance(one, BodyCredentialsAuthentication)
        for one in request.authenticators or ()
    )


def prioritize_body_credentials(authenticators: Any) -> list[Any]:
    """Put credentials in the body first: whatever else is sent, they are looked at."""
    return sorted(
        authenticators,
        key=lambda one: not isinstance(one, BodyCredentialsAuthentication),
    )


def _authenticate(request: Request, credentials: Credentials) -> Any:
    if not credentials.are_usable():
        return None
    name, login = credentials.for_backends()
    sent = {name: login, "password": credentials.password}
    return authenticate(request._request, **sent)


def _is_contradicted(user: Any, request: Request) -> bool:
    """
    Tell whether other credentials of the request name somebody else.

    Invalid ones are an error as ever: were they none, a password of one's own could be
    sent along with guesses that nobody counts.
    """
    named = [_named_by(other, request) for other in request.authenticators or ()]
    return any(str(other.pk) != str(user.pk) for other in named if other is not None)


def _named_by(authenticator: Any, request: Request) -> Any:
    if isinstance(authenticator, BodyCredentialsAuthentication):
        return None
    if isinstance(authenticator, SessionAuthentication):
        # No CSRF token is needed: it is the password that lets in.
        user = getattr(request._request, "user", None)
    else:
        user, _ = authenticator.authenticate(request) or (None, None)
    if user is None or not getattr(user, "is_authenticated", True):
        return None
    return user


def _places(data: Any) -> list[Mapping[str, Any]]:
    """Return the top of the body and what is below ``user``."""
    if isinstance(data, QueryDict):
        return [_in_form(data, "{}"), _in_form(data, "user[{}]")]
    if not isinstance(data, Mapping):
        return []
    user = data.get("user")
    return [data, user if isinstance(user, Mapping) else {}]


def _in_form(data: QueryDict, pattern: str) -> dict[str, Any]:
    found = {name: data.getlist(pattern.format(name)) for name in NAMES}
    return {
        name: values[0] if len(values) == 1 else None
        for name, values in found.items()
        if values
    }
