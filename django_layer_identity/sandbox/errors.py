"""The errors of Layer's client API, as its SDKs read them (client API, "Errors")."""

from __future__ import annotations

from typing import Any

from django.http import JsonResponse

from django_layer_identity.exceptions import LayerIdentityError

# What Layer's SDKs put there too; the page itself is gone.
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
        """Return the answer that Layer's servers would give."""
        content = {
            "id": self.id,
            "code": self.code,
            "message": self.message,
            "url": DOCUMENTATION_URL,
            "data": self.data,
        }
        return JsonResponse(content, status=self.status)


class InvalidAppID(LayerAPIError):
    """The app ID is malformed, unknown, or that of a disabled app."""

    status, id, code = 403, "invalid_app_id", 2


class AuthenticationRequired(LayerAPIError):
    """There is no session, or it has ended; ``data`` carries a fresh nonce."""

    status, id, code = 401, "authentication_required", 4


class InvalidRequest(LayerAPIError):
    """The body is too long or not a JSON object."""

    status, id, code = 400, "invalid_request", 10


class IdentityNotFound(LayerAPIError):
    """The app has no such user."""

    status, id, code = 404, "not_found", 102


class MissingProperty(LayerAPIError):
    """The body lacks something that the call needs."""

    status, id, code = 422, "missing_property", 104


class InvalidProperty(LayerAPIError):
    """A property's value is of no use."""

    status, id, code = 422, "invalid_property", 105


class InvalidEndpoint(LayerAPIError):
    """The sandbox has nothing at this path."""

    status, id, code = 404, "invalid_endpoint", 106


class InvalidHeader(LayerAPIError):
    """A header is missing or has a wrong value."""

    status, id, code = 406, "invalid_header", 107


class MethodNotAllowed(LayerAPIError):
    """The path exists, but not for this method."""

    status, id, code = 405, "method_not_allowed", 109
