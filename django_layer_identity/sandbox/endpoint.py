"""The base class of the endpoints of Layer's client API, and its errors."""

from __future__ import annotations

import json
import re
from typing import Any, cast

from django.contrib.auth.decorators import login_not_required
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    JsonResponse,
)
from django.urls import ResolverMatch, reverse
from django.utils.cache import patch_vary_headers
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from django_layer_identity.conf import conf
from django_layer_identity.exceptions import LayerIdentityError
from django_layer_identity.sandbox import state

# The URL that Layer's SDKs expect. The page itself no longer exists.
DOCUMENTATION_URL = "https://docs.layer.com/reference/client_api/errors"


class LayerAPIError(LayerIdentityError):
    """Layer's servers would refuse the request."""

    status: int
    id: str
    code: int

    def __init__(self, message: str, **data: Any) -> None:
        super().__init__(message)
        self.message = message
        self.data = data

    def as_response(self) -> JsonResponse:
        """Return the response that Layer's servers would send."""
        content = {
            "id": self.id,
            "code": self.code,
            "message": self.message,
            "url": DOCUMENTATION_URL,
            "data": self.data,
        }
        return JsonResponse(content, status=self.status)


class InvalidAppID(LayerAPIError):
    """The app ID is malformed or unknown, or the app is disabled."""

    status, id, code = 403, "invalid_app_id", 2


class AuthenticationRequired(LayerAPIError):
    """The session is missing or has ended. ``data`` contains a new nonce."""

    status, id, code = 401, "authentication_required", 4


class InvalidRequest(LayerAPIError):
    """The body is too long or not a JSON object."""

    status, id, code = 400, "invalid_request", 10


class IdentityNotFound(LayerAPIError):
    """The app has no user with this user ID."""

    status, id, code = 404, "not_found", 102


class MissingProperty(LayerAPIError):
    """The body lacks a required property."""

    status, id, code = 422, "missing_property", 104


class InvalidProperty(LayerAPIError):
    """The value of a property is invalid."""

    status, id, code = 422, "invalid_property", 105


class InvalidEndpoint(LayerAPIError):
    """The sandbox has no endpoint at this path."""

    status, id, code = 404, "invalid_endpoint", 106


class InvalidHeader(LayerAPIError):
    """A header is missing or has a wrong value."""

    status, id, code = 406, "invalid_header", 107


class MethodNotAllowed(LayerAPIError):
    """The path exists, but not for this method."""

    status, id, code = 405, "method_not_allowed", 109


_ORIGIN = re.compile(r"[!-~]+")  # visible ASCII, so that it cannot break the header

# The headers that Layer's web SDKs send and read. The SDKs set the credentials flag, so
# the browser needs the exact origin. The sandbox ignores cookies, so this is safe.
_HEADERS = {
    "Access-Control-Allow-Credentials": "true",
    "Access-Control-Allow-Headers": (
        "authorization, content-type, client-id, layer-xdk-version"
    ),
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE, HEAD",
    "Access-Control-Expose-Headers": "link, layer-count",
}


def add_cors_headers(request: HttpRequest, response: HttpResponseBase) -> None:
    """Allow the request's origin to read the response, which may be an error."""
    patch_vary_headers(response, ["Origin"])
    origin = request.headers.get("Origin", "")
    if _ORIGIN.fullmatch(origin):
        response["Access-Control-Allow-Origin"] = origin
        for name, value in _HEADERS.items():
            response[name] = value


MAX_BODY_LENGTH = 32 * 1024  # bytes; our own limit, twice the longest token

_MEDIA_TYPE = re.compile(
    r'application/vnd\.layer\+json\s*;\s*version="?(1\.[01]|[23]\.0)"?', re.IGNORECASE
)
_AUTHORIZATION = re.compile(
    r"""Layer\s+session-token=(?P<quote>["']?)(?P<token>[\w.-]+)(?P=quote)""",
    re.ASCII | re.IGNORECASE,
)


@method_decorator([csrf_exempt, login_not_required, never_cache], name="dispatch")
class Endpoint(View):
    """Answer as Layer's servers did, if the sandbox is enabled."""

    def dispatch(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        if not conf.sandbox_enabled:
            raise Http404
        try:
            self.check_accept(request)
            response = super().dispatch(request, *args, **kwargs)
        except LayerAPIError as exc:
            response = exc.as_response()
        add_cors_headers(request, response)
        return response

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Answer a CORS preflight request."""
        return HttpResponse(status=204)

    def http_method_not_allowed(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        allowed = super().http_method_not_allowed(request, *args, **kwargs)["Allow"]
        response = MethodNotAllowed(f"Use one of {allowed}.").as_response()
        response["Allow"] = allowed
        return response

    def check_accept(self, request: HttpRequest) -> None:
        """
        Require Layer's media type (client API, "Introduction").

        A preflight request cannot send it, so it is not checked.

        :raises InvalidHeader: if it is missing.
        """
        if request.method == "OPTIONS":
            return
        accepted = request.headers.get("Accept", "").split(",")
        if not any(_MEDIA_TYPE.fullmatch(entry.strip()) for entry in accepted):
            raise InvalidHeader(
                "Send the header Accept: application/vnd.layer+json; version=2.0 "
                "(or 1.0, 1.1, 3.0).",
                header="Accept",
            )

    def read_object(self, request: HttpRequest) -> dict[str, Any]:
        """
        Return the JSON object in the body.

        :raises InvalidRequest: if the body is too long or not a JSON object.
        """
        raw = request.read(MAX_BODY_LENGTH + 1)
        if len(raw) > MAX_BODY_LENGTH:
            raise InvalidRequest(f"The body is longer than {MAX_BODY_LENGTH} bytes.")
        try:
            body = json.loads(raw.decode())
        except (ValueError, RecursionError) as exc:
            raise InvalidRequest("The body is not JSON in UTF-8.") from exc
        if not isinstance(body, dict):
            raise InvalidRequest("The body is not a JSON object.")
        return body

    def require_session(self, request: HttpRequest) -> state.Session:
        """
        Return the session that the Authorization header names.

        :raises AuthenticationRequired: if there is no session; with a nonce, so that
            the client can sign in again without another request.
        """
        header = _AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
        session = state.find_session(header["token"]) if header else None
        if session is None:
            raise AuthenticationRequired(
                "Sign in again: the header Authorization: Layer "
                'session-token="..." is missing, or its session has ended.',
                nonce=state.create_nonce(),
            )
        return session

    def root_url(self, request: HttpRequest) -> str:
        """Return the absolute URL at which the project has included the sandbox."""
        match = cast(
            "ResolverMatch", request.resolver_match
        )  # set before any view runs
        return request.build_absolute_uri(reverse(f"{match.namespace}:root"))
