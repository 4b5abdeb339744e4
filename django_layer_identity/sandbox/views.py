"""The part of Layer's client API that signing in and out needs."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from django_layer_identity.exceptions import InvalidToken
from django_layer_identity.models.registrations import load_registrations
from django_layer_identity.protocol.claims import PROFILE_CLAIMS
from django_layer_identity.protocol.explain import ERROR, Finding, Inspection
from django_layer_identity.protocol.validation import VerifiedIdentity, accept
from django_layer_identity.sandbox import registry, state
from django_layer_identity.sandbox.endpoint import (
    Endpoint,
    IdentityNotFound,
    InvalidEndpoint,
    InvalidProperty,
    MissingProperty,
)

NONCE_NOT_FOUND = Finding(
    "eit_nonce_not_found",
    ERROR,
    "Nonce not found or expired.",
    "Get a new nonce from the sandbox for each token. It can be used once, within 10 "
    "minutes. Check that the client sends it unchanged, and that all processes share the "
    "cache.",
)

logger = logging.getLogger("django_layer_identity")


class NonceNotFound(InvalidToken):
    """The token's nonce is unknown, used or expired."""


class RootView(Endpoint):
    """List the endpoints, and check the session if the client asks for it."""

    def get(self, request: HttpRequest) -> HttpResponse:
        # The web SDKs request this before they reconnect their WebSocket.
        if request.GET.get("action") == "validateConnectionForWebsocket":
            self.require_session(request)
        response = JsonResponse({})
        names = ["nonces", "sessions", "conversations", "content"]
        response["Link"] = link_header(self.root_url(request), names)
        return response


class PingView(Endpoint):
    """Answer with 200, so that a client knows that the server is available."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return JsonResponse({})


class NoncesView(Endpoint):
    """Return a new nonce to every client."""

    def post(self, request: HttpRequest) -> HttpResponse:
        return JsonResponse({"nonce": state.create_nonce()}, status=201)


class SessionsView(Endpoint):
    """
    Open a session for an identity token.

    The Authorization header is ignored: web SDKs send that of the previous session.
    """

    def post(self, request: HttpRequest) -> HttpResponse:
        body = self.read_object(request)
        token, app_id = (
            read_property(body, name) for name in ("identity_token", "app_id")
        )
        registrations = load_registrations()
        app = registry.find_app(registrations, app_id)
        inspection = registrations.inspect(token, app)
        try:
            session_token = open_session(accept(inspection), str(app.app_id))
        except InvalidToken as exc:
            raise refuse_token(exc, inspection) from exc
        response = JsonResponse({"session_token": session_token}, status=201)
        names = ["conversations", "content", "websocket"]
        response["Link"] = link_header(self.root_url(request), names)
        return response


class SessionView(Endpoint):
    """End a session. Its token is the only credential."""

    def delete(self, request: HttpRequest, token: str) -> HttpResponse:
        state.end_session(token)
        return HttpResponse(status=204)


class IdentityView(Endpoint):
    """Return the identity of any user of the session's app."""

    def get(self, request: HttpRequest, user_id: str) -> HttpResponse:
        session = self.require_session(request)
        profile = state.find_identity(session.app_id, user_id)
        if profile is None:
            raise IdentityNotFound(
                "This app has no user with this user ID. A user must sign in once first."
            )
        root_url = self.root_url(request)
        return JsonResponse(describe_identity(user_id, profile, root_url=root_url))


class UnknownView(Endpoint):
    """Return a JSON error for unknown paths. Only preflight requests succeed."""

    def get(self, request: HttpRequest) -> HttpResponse:
        raise InvalidEndpoint(
            "The sandbox does not have this path. It covers only signing in and out."
        )

    post = put = patch = delete = get


def read_property(body: Mapping[str, Any], name: str) -> Any:
    """Return the property. Any value except null is accepted."""
    if body.get(name) is None:
        raise MissingProperty(f"The body lacks the property “{name}”.", property=name)
    return body[name]


def refuse_token(exc: InvalidToken, inspection: Inspection) -> InvalidProperty:
    """Log every problem of the token; with ``DEBUG`` return them to the client too."""
    findings, message = list(inspection.run()), f"{exc.code}: {exc.message}"
    if isinstance(exc, NonceNotFound):  # only the sandbox knows its nonces
        findings.append(NONCE_NOT_FOUND)
        message = NONCE_NOT_FOUND.message  # as Layer's servers write it
    for finding in findings:
        line = "The sandbox refused an identity token: %s: %s %s"
        logger.info(line, finding.code, finding.message, finding.hint)
    error = InvalidProperty(message, property="identity_token", code=exc.code)
    if settings.DEBUG:
        error.data["findings"] = [asdict(finding) for finding in findings]
    return error


def open_session(identity: VerifiedIdentity, app_id: str) -> str:
    """
    Use up the nonce, as the last check, and return a session token.

    :raises NonceNotFound: if it is unknown, used or expired.
    """
    if not state.use_nonce(identity.nonce):
        raise NonceNotFound(NONCE_NOT_FOUND.code, NONCE_NOT_FOUND.message)
    session = state.Session(app_id, identity.user_id)
    claims = identity.claims
    profile = {name: claims[name] for name in PROFILE_CLAIMS if name in claims}
    state.store_identity(session, profile)
    return state.create_session(session)


def link_header(root_url: str, names: Iterable[str]) -> str:
    """
    Return a Link header (RFC 8288) that lists endpoints.

    The names are not quoted, because the web SDK would read quotes as part of the name.
    """
    urls = {name: f"{root_url}{name}" for name in names}
    if "websocket" in urls:
        urls["websocket"] = "ws" + urls["websocket"].removeprefix("http")
    return ", ".join(f"<{url}>; rel={name}" for name, url in urls.items())


def encode_user_id(user_id: str) -> str:
    """
    Percent-encode the user ID for a path, as Layer's web SDK does.

    The SDK compares the results, so ``~`` must be encoded and ``*`` must not.
    """
    return quote(user_id, safe="*").replace("~", "%7E")


def describe_identity(
    user_id: str, profile: Mapping[str, str], *, root_url: str
) -> dict[str, object]:
    """
    Return the full identity.

    ``metadata`` is included even if it is empty: without it, the web SDK treats the
    identity as a basic one and drops the rest. Clients use different names for the type.
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
