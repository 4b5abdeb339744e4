"""
The endpoint in an OpenAPI document, where drf-spectacular is installed.

The schema says what is promised: the codes of each status come from the code itself.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiViewExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers

from django_layer_identity.api.errors import CHALLENGED, STATUSES
from django_layer_identity.api.parsers import (
    FormBodyParser,
    JSONBodyParser,
    MultiPartBodyParser,
)
from django_layer_identity.protocol.claims import MAX_NONCE_LENGTH, MAX_USER_ID_LENGTH

Schema = dict[str, Any]

# More than white space, and no control characters; in a form no space either, which is
# what a plus sign becomes. ECMA 262, as JSON Schema has it.
NONCE = r"^(?=.*\S)[^\u0000-\u001f\u007f-\u009f]+$"
NONCE_IN_FORM = r"^(?=.*\S)[^\u0000-\u0020\u007f-\u009f]+$"


OPTIONAL: Schema = {"required": False, "allow_null": True, "allow_blank": True}


class LayerNonceRequest(serializers.Serializer):
    """What the request is described by; the view itself reads it more strictly."""

    nonce = serializers.RegexField(
        NONCE,
        max_length=MAX_NONCE_LENGTH,
        help_text="What Layer gave, byte for byte.",
    )
    app_id = serializers.CharField(
        help_text="The Layer app, where several are enabled.", **OPTIONAL
    )
    user_id = serializers.CharField(
        help_text="The Layer user ID that the client expects: compared, never believed.",
        **OPTIONAL,
    )


class LayerNonceForm(LayerNonceRequest):
    nonce = serializers.RegexField(NONCE_IN_FORM, max_length=MAX_NONCE_LENGTH)


REQUEST = {
    JSONBodyParser.media_type: LayerNonceRequest,
    FormBodyParser.media_type: LayerNonceForm,
    MultiPartBodyParser.media_type: LayerNonceRequest,
}
SUCCESS: Schema = {
    "type": "object",
    "required": ["identity_token", "layer_identity_token", "user_id", "expires_at"],
    "properties": {
        "identity_token": {"type": "string"},
        "layer_identity_token": {
            "type": "string",
            "description": "The same: Layer's clients differ in which they read.",
        },
        "user_id": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_USER_ID_LENGTH,
        },
        "expires_at": {"type": "integer", "description": "Unix seconds."},
    },
    "additionalProperties": False,
}
JWKS: Schema = {
    "type": "object",
    "required": ["keys"],
    "properties": {
        "keys": {
            "type": "array",
            "items": {"type": "object", "additionalProperties": {"type": "string"}},
        }
    },
}
DESCRIPTION = (
    "The token is for the user whom the project authenticates. A refusal has a code that "
    "stays; a trailing slash makes no difference."
)
RETRY_AFTER = OpenApiParameter(
    "Retry-After",
    OpenApiTypes.INT,
    OpenApiParameter.HEADER,
    response=[429],
    description="Seconds.",
)


def refusals() -> dict[int, Schema]:
    """Return the schema of each status's refusals."""
    codes: dict[int, list[str]] = {}
    for code, status in STATUSES.items():
        codes.setdefault(status, []).append(code)
    return {
        status: _refusal(status, named)
        for status, named in sorted({401: list(CHALLENGED), **codes}.items())
    }


def _refusal(status: int, codes: list[str]) -> Schema:
    properties: Schema = {
        "code": {"type": "string", "enum": codes},
        "detail": {"type": "string"},
        "error": {"type": "string", "description": "The same as detail."},
        "status": {"type": "integer", "enum": [status]},
    }
    required = list(properties)
    if status == STATUSES["nonce_missing"]:
        messages = {"type": "array", "items": {"type": "string"}}
        properties["fields"] = {"type": "object", "additionalProperties": messages}
    if status == STATUSES["user_id_mismatch"]:
        properties["user_id"] = {
            "type": "string",
            "description": "The caller's own Layer user ID, if there is one (user_id_mismatch only).",
        }
    return {
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": False,
    }


class IdentityTokenViewExtension(OpenApiViewExtension):
    """Describes ``POST authenticate``, and whatever is derived from its view."""

    target_class = "django_layer_identity.api.views.IdentityTokenView"
    match_subclasses = True

    def view_replacement(self) -> Any:
        target: Any = self.target

        class Described(target):  # type: ignore[misc,no-untyped-call]
            @extend_schema(
                operation_id="layer_authenticate",
                summary="Trade Layer's nonce for an identity token",
                description=DESCRIPTION,
                request=REQUEST,
                responses={200: SUCCESS, **refusals()},
                parameters=[RETRY_AFTER],
            )
            def post(self) -> None: ...

        return Described


class JWKSViewExtension(OpenApiViewExtension):
    """Describes ``GET jwks.json``."""

    target_class = "django_layer_identity.api.jwks.JWKSView"
    match_subclasses = True

    def view_replacement(self) -> Any:
        target: Any = self.target
        refused = refusals()

        class Described(target):  # type: ignore[misc,no-untyped-call]
            @extend_schema(
                operation_id="layer_jwks",
                summary="Show the public keys as a JWK set",
                description="For verifiers other than Layer. Anybody may read it.",
                responses={200: JWKS, 400: refused[400], 503: refused[503]},
                parameters=[
                    OpenApiParameter("app_id", description="Of one Layer app.")
                ],
            )
            def get(self) -> None: ...

        return Described
