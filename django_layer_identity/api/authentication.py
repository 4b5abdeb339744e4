"""Opt-in: credentials in the request body, as Layer's own clients post them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth import authenticate, get_user_model
from django.http import QueryDict
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from django_layer_identity.keys.secrets import Secret, hide_locals

LOGINS = ("username", "email", "user_id")  # the first one in the body is used
NAMES = (*LOGINS, "password")
BASIC = "basic"
# Characters; a user model may take quadratic time to normalize a login.
MAX_LENGTH = 1024


@dataclass(frozen=True)
class Credentials:
    """A password and its login, as the client sent them: both may have any type."""

    name: str  # one of LOGINS, or BASIC
    login: Any = field(repr=False)
    password: Any = field(repr=False)

    def are_usable(self) -> bool:
        """Return whether the backends are asked. Some databases refuse a NUL."""
        return self.name == BASIC or all(  # DRF passes on every Basic login
            isinstance(value, str)
            and "\0" not in value
            and 0 < len(value) <= MAX_LENGTH
            for value in (self.login, self.password)
        )

    def for_backends(self) -> tuple[str, str]:
        """Return the login and its keyword for ``authenticate()``, keyword first."""
        model: Any = get_user_model()
        name = getattr(model, "USERNAME_FIELD", "username")
        if self.name == BASIC:
            return name, self.login  # as DRF does
        if self.name == "email" != name:
            return "email", self.login  # for backends that accept an e-mail address
        return name, getattr(model, "normalize_username", str)(self.login)


class BodyCredentialsAuthentication(BaseAuthentication):
    """
    Authenticate with ``password`` and ``username``, ``email`` or ``user_id``.

    The body has them at its top level or inside ``user``. Django's ``authenticate()``
    decides, so all backends of the project are used. The request is refused if another
    authentication class of the view fails or returns a different user, for example
    because of another user's session on a shared device.
    """

    @hide_locals  # ModelBackend keeps the password in a local variable
    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        credentials = find_credentials(request)
        if credentials is None:
            return None
        user = _authenticate(request, credentials)
        if user is None or _has_conflict(user, request):
            raise AuthenticationFailed
        return user, None


def find_credentials(request: Request) -> Credentials | None:
    """Return the credentials in the body, or None if it does not have a password."""
    places = [place for place in _places(request.data) if "password" in place]
    if not places:
        return None
    # Two passwords are ambiguous, so they fail.
    place = places[0] if len(places) == 1 else {}
    name = next((name for name in LOGINS if place.get(name)), LOGINS[0])
    password = place.get("password")
    if isinstance(password, Secret):  # only in IdentityTokenView
        password = password.reveal()
    return Credentials(name, place.get(name), password)


def takes_passwords(request: Request) -> bool:
    """Return whether the view accepts credentials in the body."""
    return any(
        isinstance(authenticator, BodyCredentialsAuthentication)
        for authenticator in request.authenticators or ()
    )


def accepted_credentials(authenticators: Any, request: Request) -> list[str]:
    """Return a sentence with the kinds of credentials, or nothing if none is known."""
    kinds = [_kind_of(each, request) for each in authenticators]
    named = list(dict.fromkeys(kind for kind in kinds if kind))
    return [f"Accepted: {', '.join(named)}."] if named else []


def prioritize_body_credentials(authenticators: Any) -> list[Any]:
    """Put body credentials first, so that other credentials cannot bypass them."""
    return sorted(
        authenticators,
        key=lambda each: not isinstance(each, BodyCredentialsAuthentication),
    )


def _kind_of(authenticator: Any, request: Request) -> str:
    """Return what a client sends, or ``""`` if the class does not tell."""
    if isinstance(authenticator, SessionAuthentication):
        return "session cookie"
    if isinstance(authenticator, BodyCredentialsAuthentication):
        return "password in the body"
    challenge = None
    with suppress(Exception):  # DRF asks only the first class, so others may be broken
        challenge = authenticator.authenticate_header(request)
    scheme = str(challenge or getattr(authenticator, "keyword", "")).partition(" ")[0]
    return scheme and f"“Authorization: {scheme} …”"


def _authenticate(request: Request, credentials: Credentials) -> Any:
    if not credentials.are_usable():
        return None
    name, login = credentials.for_backends()
    sent = {name: login, "password": credentials.password}
    return authenticate(request._request, **sent)


def _has_conflict(user: Any, request: Request) -> bool:
    """
    Return whether other credentials in the request belong to a different user.

    Invalid credentials raise an error. If they were ignored, an attacker could send a
    correct password of their own together with guesses that are not counted.
    """
    others = [_user_of(other, request) for other in request.authenticators or ()]
    return any(str(other.pk) != str(user.pk) for other in others if other is not None)


def _user_of(authenticator: Any, request: Request) -> Any:
    if isinstance(authenticator, BodyCredentialsAuthentication):
        return None
    if isinstance(authenticator, SessionAuthentication):
        # No CSRF token is needed, because the password authenticates the request.
        user = getattr(request._request, "user", None)
    else:
        user, _ = authenticator.authenticate(request) or (None, None)
    if user is None or not getattr(user, "is_authenticated", True):
        return None
    return user


def _places(data: Any) -> list[Mapping[str, Any]]:
    """Return the top level of the body and the content of ``user``."""
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
