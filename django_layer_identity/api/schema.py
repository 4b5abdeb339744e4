"""
OpenAPI descriptions of both endpoints, for drf-spectacular.

The codes of each status are taken from ``api.errors`` and their texts from ``exceptions``,
so the schema is complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerExtension,
    OpenApiViewExtension,
)
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiRequest,
    OpenApiResponse,
    extend_schema,
)
from rest_framework import serializers

from django_layer_identity.api.authentication import (
    MAX_LENGTH,
    BodyCredentialsAuthentication,
)
from django_layer_identity.api.errors import CHALLENGED, STATUSES, refusal_body
from django_layer_identity.api.parsers import (
    FormBodyParser,
    JSONBodyParser,
    MultiPartBodyParser,
)
from django_layer_identity.exceptions import (
    Refusal,
    UserIDMismatch,
    refusals_by_code,
)
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


NONCE_EXAMPLE = "mL2Xv+R0c8e/KkYw5n3sT1aQ7uJd9ZbHfGxPqL4iV6oE2hWt8yCrMgNjBzSkDpXv0w=="
EXAMPLE = {"nonce": NONCE_EXAMPLE}
REQUEST = {
    parser.media_type: OpenApiRequest(
        serializer, examples=[OpenApiExample("a nonce", EXAMPLE)]
    )
    for parser, serializer in (
        (JSONBodyParser, LayerNonceRequest),
        (FormBodyParser, LayerNonceForm),
        (MultiPartBodyParser, LayerNonceRequest),
    )
}
_LOGIN = {"type": "string", "maxLength": MAX_LENGTH}
CREDENTIALS: Mapping[str, Schema] = {
    "username": {**_LOGIN, "description": "The value of USERNAME_FIELD."},
    "email": {**_LOGIN, "description": "Used if there is no username."},
    "password": {
        **_LOGIN,
        "format": "password",
        "description": "If it is present, it is always checked.",
    },
}
_USER_ID = {**_LOGIN, "description": "Used if there is no username and no email."}


class CredentialsExtension(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Add the credentials to the body of a view with ``BodyCredentialsAuthentication``."""

    target_class = LayerNonceRequest
    match_subclasses = True

    def get_name(self, auto_schema: Any, direction: Any) -> str | None:
        kind = type(self.target).__name__
        return kind.replace("Nonce", "Login") if self._has_login(auto_schema) else kind

    def get_identity(self, auto_schema: Any, direction: Any) -> Any:
        return self.get_name(auto_schema, direction)

    def map_serializer(self, auto_schema: Any, direction: Any) -> Schema:
        schema: Schema = auto_schema._map_serializer(
            self.target, direction, bypass_extensions=True
        )
        if self._has_login(auto_schema):
            schema["properties"] |= self._credentials()
        return schema

    def _credentials(self) -> Mapping[str, Schema]:
        in_user = {**CREDENTIALS, "user_id": _USER_ID}
        if isinstance(self.target, LayerNonceForm):
            nested = {f"user[{name}]": schema for name, schema in in_user.items()}
        else:
            description = "The same credentials. Layer's Atlas clients send them here."
            user = {"type": "object", "description": description, "properties": in_user}
            nested = {"user": user}
        return {**CREDENTIALS, **nested}

    def _has_login(self, auto_schema: Any) -> bool:
        return any(
            isinstance(authenticator, BodyCredentialsAuthentication)
            for authenticator in auto_schema.view.get_authenticators()
        )


class BodyCredentialsExtension(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """
    Describe that a request may have no other credentials than those in its body.

    OpenAPI has no security scheme for this, so the body's own schema describes them.
    """

    target_class = BodyCredentialsAuthentication
    name: list[str] = []

    def get_security_requirement(self, auto_schema: Any) -> dict[str, list[str]]:
        return {}

    def get_security_definition(self, auto_schema: Any) -> list[Schema]:
        return []


@dataclass(frozen=True)
class Component:
    """A schema with a name, so that generated clients have a class for it."""

    name: str
    schema: Schema = field(hash=False)


class ComponentExtension(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Add a :class:`Component` to the document, as it is."""

    target_class = Component

    def get_name(self, auto_schema: Any, direction: Any) -> str:
        return str(self.target.name)

    def map_serializer(self, auto_schema: Any, direction: Any) -> Schema:
        return deepcopy(self.target.schema)  # the generator may change it


SUCCESS = Component(
    "LayerIdentityToken",
    {
        "type": "object",
        "required": ["identity_token", "layer_identity_token", "user_id", "expires_at"],
        "properties": {
            "identity_token": {
                "type": "string",
                "description": "The identity token. Pass it to Layer as it is.",
            },
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
    },
)
_EXAMPLE_JWT = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJwcm4iOiJhbGljZSJ9.c2lnbmF0dXJl"
SUCCESS_EXAMPLE = {
    "identity_token": _EXAMPLE_JWT,
    "layer_identity_token": _EXAMPLE_JWT,
    "user_id": "alice",
    "expires_at": 1_795_396_278,
}
JWKS = Component(
    "LayerKeySet",
    {
        "type": "object",
        "required": ["keys"],
        "properties": {
            "keys": {
                "type": "array",
                "items": {"type": "object", "additionalProperties": {"type": "string"}},
            }
        },
    },
)
JWKS_EXAMPLE = {
    "keys": [
        {
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": "layer:///keys/cccccccc-0000-4000-8000-000000000003",
            "n": "wDEo…",
            "e": "AQAB",
        }
    ]
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
    """Return the component, the texts and the examples of each status."""
    codes: dict[int, list[str]] = {}
    for code, status in STATUSES.items():
        codes.setdefault(status, []).append(code)
    return {
        status: OpenApiResponse(
            Component(f"LayerRefusal{status}", _refusal(status, named)),
            description=_texts(named),
            examples=_examples(status, named),
        )
        for status, named in sorted({401: list(CHALLENGED), **codes}.items())
    }


def _texts(codes: list[str]) -> str:
    """Return a list in Markdown with the code and the text of each refusal."""
    known = refusals_by_code()
    return "\n".join(f"* `{code}`: {known[code].detail}" for code in codes)


def _examples(status: int, codes: list[str]) -> list[OpenApiExample]:
    known = refusals_by_code()
    return [
        OpenApiExample(code, _example(known[code], status), response_only=True)
        for code in codes
    ]


def _example(kind: type[Refusal], status: int) -> Schema:
    refusal = kind.__new__(kind)  # some need arguments, which the body does not show
    Refusal.__init__(refusal)
    if isinstance(refusal, UserIDMismatch):
        refusal.user_id = "alice"
    return refusal_body(refusal, status)


def _refusal(status: int, codes: list[str]) -> Schema:
    properties: Schema = {
        # In “allOf”, because an “enum” of the property itself gets a name of its own from
        # drf-spectacular, and may change the names of the project's enums.
        "code": {
            "allOf": [{"type": "string", "enum": codes}],
            "description": "What is wrong, for programs.",
        },
        "detail": {
            "type": "string",
            "description": "What is wrong, for the app's developer or user.",
        },
        "error": {"type": "string", "description": "The same text as detail."},
        "status": {
            "type": "integer",
            "minimum": status,  # for the same reason not an “enum”
            "maximum": status,
            "description": "The HTTP status.",
        },
    }
    required = list(properties)
    if status == STATUSES["nonce_missing"]:
        messages = {"type": "array", "items": {"type": "string"}}
        properties["fields"] = {
            "type": "object",
            "additionalProperties": messages,
            "description": "The parameters that are wrong, with a list of texts for each.",
        }
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
                responses={
                    200: OpenApiResponse(
                        SUCCESS,
                        description="An identity token for the logged-in user.",
                        examples=[OpenApiExample("a token", SUCCESS_EXAMPLE)],
                    ),
                    **refusals(),
                },
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
                responses={
                    200: OpenApiResponse(
                        JWKS,
                        description="The public keys.",
                        examples=[OpenApiExample("one key", JWKS_EXAMPLE)],
                    ),
                    400: refused[400],
                    503: refused[503],
                },
                parameters=[
                    OpenApiParameter(
                        "app_id", description="Return only the keys of this Layer app."
                    )
                ],
            )
            def get(self) -> None: ...

        return Described
