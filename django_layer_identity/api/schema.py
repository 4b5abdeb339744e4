"""
OpenAPI descriptions of both endpoints, for drf-spectacular.

The codes of each status are taken from ``api.errors`` and their texts from ``exceptions``,
so the schema is complete.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiViewExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from django_layer_identity.api.errors import CHALLENGED, STATUSES
from django_layer_identity.api.parsers import (
    FormBodyParser,
    JSONBodyParser,
    MultiPartBodyParser,
)
from django_layer_identity.exceptions import refusals_by_code
from django_layer_identity.protocol.claims import MAX_NONCE_LENGTH, MAX_USER_ID_LENGTH

Schema = dict[str, Any]

# A nonce must not be only white space and must not have control characters. In a form
# it must not have a space either: a plus sign arrives as a space. The syntax is
# ECMA 262, as JSON Schema requires.
NONCE = r"^(?=.*\S)[^\u0000-\u001f\u007f-\u009f]+$"
NONCE_IN_FORM = r"^(?=.*\S)[^\u0000-\u0020\u007f-\u009f]+$"


OPTIONAL: Schema = {"required": False, "allow_null": True, "allow_blank": True}


# Only for the schema: the view checks the parameters more strictly.
class LayerNonceRequest(serializers.Serializer):
    """A nonce from Layer, for which the user gets an identity token."""

    nonce = serializers.RegexField(
        NONCE,
        max_length=MAX_NONCE_LENGTH,
        help_text="The nonce from Layer, byte for byte.",
    )
    app_id = serializers.CharField(
        help_text="The ID of the Layer app. Required if several apps are enabled.",
        **OPTIONAL,
    )
    user_id = serializers.CharField(
        help_text=(
            "The Layer user ID that the client expects. The request is refused if the "
            "logged-in user has a different one."
        ),
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
            "description": "The same as identity_token: some Layer clients read this name.",
        },
        "user_id": {
            "type": "string",
            "description": "The Layer user ID that the token is for.",
            "minLength": 1,
            "maxLength": MAX_USER_ID_LENGTH,
        },
        "expires_at": {
            "type": "integer",
            "description": "When the token expires, in Unix seconds.",
        },
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
    "Return an identity token for the logged-in user. The code of a refusal is stable: "
    "clients can depend on it. A trailing slash makes no difference."
)
RETRY_AFTER = OpenApiParameter(
    "Retry-After",
    OpenApiTypes.INT,
    OpenApiParameter.HEADER,
    response=[429],
    description="How long to wait, in seconds.",
)


def refusals() -> dict[int, OpenApiResponse]:
    """Return the schema and the texts of the refusals for each status."""
    codes: dict[int, list[str]] = {}
    for code, status in STATUSES.items():
        codes.setdefault(status, []).append(code)
    return {
        status: OpenApiResponse(_refusal(status, named), description=_texts(named))
        for status, named in sorted({401: list(CHALLENGED), **codes}.items())
    }


def _texts(codes: list[str]) -> str:
    """Return a list in Markdown with the code and the text of each refusal."""
    known = refusals_by_code()
    return "\n".join(f"* `{code}`: {known[code].detail}" for code in codes)


def _refusal(status: int, codes: list[str]) -> Schema:
    properties: Schema = {
        "code": {"type": "string", "enum": codes},
        "detail": {
            "type": "string",
            "description": "What is wrong, for the app's developer or user.",
        },
        "error": {"type": "string", "description": "The same text as detail."},
        "status": {"type": "integer", "enum": [status]},
    }
    required = list(properties)
    if status == STATUSES["nonce_missing"]:
        messages = {"type": "array", "items": {"type": "string"}}
        properties["fields"] = {"type": "object", "additionalProperties": messages}
    if status == STATUSES["user_id_mismatch"]:
        properties["user_id"] = {
            "type": "string",
            "description": "The caller's own Layer user ID, if one exists (user_id_mismatch only).",
        }
    return {
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": False,
    }


class IdentityTokenViewExtension(OpenApiViewExtension):
    """Describe ``POST authenticate``, also for subclasses of its view."""

    target_class = "django_layer_identity.api.views.IdentityTokenView"
    match_subclasses = True

    def view_replacement(self) -> Any:
        target: Any = self.target

        class Described(target):  # type: ignore[misc,no-untyped-call]
            @extend_schema(
                operation_id="layer_authenticate",
                summary="Get an identity token for a nonce from Layer",
                description=DESCRIPTION,
                request=REQUEST,
                responses={200: SUCCESS, **refusals()},
                parameters=[RETRY_AFTER],
            )
            def post(self) -> None: ...

        return Described


class JWKSViewExtension(OpenApiViewExtension):
    """Describe ``GET jwks.json``."""

    target_class = "django_layer_identity.api.jwks.JWKSView"
    match_subclasses = True

    def view_replacement(self) -> Any:
        target: Any = self.target
        refused = refusals()

        class Described(target):  # type: ignore[misc,no-untyped-call]
            @extend_schema(
                operation_id="layer_jwks",
                summary="Get the public keys as a JWK set",
                description="The keys verify identity tokens. No login is needed.",
                responses={200: JWKS, 400: refused[400], 503: refused[503]},
                parameters=[
                    OpenApiParameter(
                        "app_id", description="Return only the keys of this Layer app."
                    )
                ],
            )
            def get(self) -> None: ...

        return Described
