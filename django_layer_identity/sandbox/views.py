"""Layer's client API, as far as signing in and out needs it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, JsonResponse

from django_layer_identity.exceptions import InvalidToken
from django_layer_identity.protocol.claims import PROFILE_CLAIMS
from django_layer_identity.protocol.validation import ValidatedToken
from django_layer_identity.sandbox import registry, state
from django_layer_identity.sandbox.endpoint import (
    Endpoint,
    IdentityNotFound,
    InvalidEndpoint,
    InvalidProperty,
    MissingProperty,
)


class RootView(Endpoint):
    """Name the endpoints; tell a client whether its session still holds."""

    def get(self, request: HttpRequest) -> HttpResponse:
        # The web SDKs ask this before they connect their WebSocket again.
        if request.GET.get("action") == "validateConnectionForWebsocket":
            self.require_session(request)
        response = JsonResponse({})
        names = ["nonces", "sessions", "conversations", "content"]
        response["Link"] = link_header(self.root_url(request), names)
        return response


class PingView(Endpoint):
    """Tell a client that the server can be reached."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return JsonResponse({})


class NoncesView(Endpoint):
    """Give a nonce to whoever asks."""

    def post(self, request: HttpRequest) -> HttpResponse:
        return JsonResponse({"nonce": state.create_nonce()}, status=201)


class SessionsView(Endpoint):
    """
    Open a session for an identity token.

    An Authorization header is not read: web SDKs send that of the session before.
    """

    def post(self, request: HttpRequest) -> HttpResponse:
        body = self.read_object(request)
        token, app_id = (
            read_property(body, name) for name in ("identity_token", "app_id")
        )
        registrations = registry.load_registrations()
        app = registry.find_app(registrations, app_id)
        try:
            validated = registry.check_identity_token(token, app, registrations)
        except InvalidToken as exc:
            raise InvalidProperty(
                f"{exc.code}: {exc.message}", property="identity_token", code=exc.code
            ) from exc
        session_token = open_session(validated, str(app.app_id))
        response = JsonResponse({"session_token": session_token}, status=201)
        names = ["conversations", "content", "websocket"]
        response["Link"] = link_header(self.root_url(request), names)
        return response


class SessionView(Endpoint):
    """End a session: whoever knows its token may."""

    def delete(self, request: HttpRequest, token: str) -> HttpResponse:
        state.end_session(token)
        return HttpResponse(status=204)


class IdentityView(Endpoint):
    """Describe a user of the session's app, himself or another."""

    def get(self, request: HttpRequest, user_id: str) -> HttpResponse:
        session = self.require_session(request)
        profile = state.find_identity(session.app_id, user_id)
        if profile is None:
            raise IdentityNotFound(
                "This app has no user with this user ID: he has not signed in yet."
            )
        root_url = self.root_url(request)
        return JsonResponse(describe_identity(user_id, profile, root_url=root_url))


class UnknownView(Endpoint):
    """Say in JSON that there is nothing here, once the browser's preflight is over."""

    def get(self, request: HttpRequest) -> HttpResponse:
        raise InvalidEndpoint(
            "The sandbox, made for signing in and out, has no such path."
        )

    post = put = patch = delete = get


def read_property(body: Mapping[str, Any], name: str) -> Any:
    """Return the property, which may be anything but null."""
    if body.get(name) is None:
        raise MissingProperty(f"The body lacks the property “{name}”.", property=name)
    return body[name]


def open_session(validated: ValidatedToken, app_id: str) -> str:
    """Spend the nonce, which comes last, and return a session token."""
    if not state.spend_nonce(validated.nonce):
        raise InvalidProperty(
            "Nonce not found or expired.",
            property="identity_token",
            code="eit_nonce_not_found",
        )
    session = state.Session(app_id, validated.user_id)
    state.keep_identity(session, validated.profile)
    return state.create_session(session)


def link_header(root_url: str, names: Iterable[str]) -> str:
    """
    Return a Link header (RFC 8288) that names endpoints.

    The web SDK takes quotation marks for a part of the name, so there are none.
    """
    urls = {name: f"{root_url}{name}" for name in names}
    if "websocket" in urls:
        urls["websocket"] = "ws" + urls["websocket"].removeprefix("http")
    return ", ".join(f"<{url}>; rel={name}" for name, url in urls.items())


def encode_user_id(user_id: str) -> str:
    """
    Percent-encode the user ID for a path, as Layer's web SDK does.

    The SDK compares the results, so it matters that ``~`` is encoded and ``*`` is not.
    """
    return quote(user_id, safe="*").replace("~", "%7E")


def describe_identity(
    user_id: str, profile: Mapping[str, str], *, root_url: str
) -> dict[str, object]:
    """
    Return the full identity.

    ``metadata`` is there even when empty: without it, the web SDK takes the identity
    for a basic one and drops the rest. Clients differ in what they call the type.
    """
    encoded = encode_user_id(user_id)
    return {
        "id": f"layer:///identities/{encoded}",
        "url": f"{root_url}identities/{encoded}",
        "user_id": user_id,
        "type": "user",
        "identity_type": "user",
        "phone_number": None,
        "email_address": None,
        "metadata": {},
        **{name: profile.get(name) for name in PROFILE_CLAIMS},
    }
