"""``GET jwks.json``: the public keys, for verifiers other than Layer."""

from __future__ import annotations

import hashlib
import json
import logging
from typing import TYPE_CHECKING, Any

from django.http import HttpResponse
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from rest_framework.response import Response

from django_layer_identity.api.base import JSONView
from django_layer_identity.api.errors import (
    STATUSES,
    BodyMalformed,
    MethodNotAllowed,
    refusal_body,
    to_refusal,
)
from django_layer_identity.api.published import published_keys
from django_layer_identity.exceptions import InvalidIdentifier
from django_layer_identity.keys.public import read_public_key
from django_layer_identity.protocol.identifiers import AppID

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase
    from rest_framework.request import Request

MAX_AGE = 60  # seconds; how long a revoked key may still be believed

logger = logging.getLogger("django_layer_identity")


class JWKSView(JSONView):
    """
    Show the public keys as a JWK set (RFC 7517, section 5). Anyone may read it, and so
    may pages of any origin.

    ``?app_id=`` narrows it to one Layer app. One that is unknown, disabled or malformed
    has no keys, and a stranger learns nothing else about it.
    """

    http_method_names = ["get", "head"]
    authentication_classes = []
    permission_classes = []
    throttle_classes = []

    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        content = json.dumps({"keys": _jwks(request.query_params.getlist("app_id"))})
        etag = quote_etag(hashlib.sha256(content.encode("ascii")).hexdigest())
        # A shared cache may keep the cookies that a middleware sets on the response.
        scope = "private" if request.META.get("HTTP_COOKIE") else "public"
        response = HttpResponse(
            content,
            content_type="application/json",
            headers={"ETag": etag, "Cache-Control": f"{scope}, max-age={MAX_AGE}"},
        )
        answer = get_conditional_response(request._request, etag, response=response)
        return answer or response

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {**super().default_response_headers, "Access-Control-Allow-Origin": "*"}

    def handle_exception(self, exc: Exception) -> Response:
        refusal = to_refusal(exc)
        if refusal is None:
            raise exc
        if isinstance(refusal, MethodNotAllowed):
            refusal = MethodNotAllowed("Only GET and HEAD are allowed here.")
        if refusal.fault_is_ours:
            logger.error("JWK set refused: %s", refusal.code, exc_info=exc)
        status = STATUSES[refusal.code]
        headers = {"Cache-Control": "no-store"}
        return Response(refusal_body(refusal, status), status, headers=headers)


def _jwks(app_ids: list[str]) -> list[dict[str, Any]]:
    if len(app_ids) > 1:
        raise BodyMalformed("The parameter “app_id” was sent twice.")
    try:
        app_id = AppID.parse(app_ids[0]) if any(app_ids) else None
    except InvalidIdentifier:
        return []
    keys = published_keys(timezone.now(), app_id)
    return [read_public_key(key.public_key).as_jwk(key.key_id) for key in keys]
