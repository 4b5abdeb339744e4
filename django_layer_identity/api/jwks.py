"""``GET jwks.json``: public keys for verifiers other than Layer."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn, cast
from uuid import UUID

from django.db import router
from django.db.models import Q
from django.http import HttpResponse
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag

from django_layer_identity.api.base import JSONView
from django_layer_identity.exceptions import (
    BodyMalformed,
    InvalidIdentifier,
    InvalidKey,
    MethodNotAllowed,
    Refusal,
)
from django_layer_identity.keys.rsa import PublicKey, read_public_key
from django_layer_identity.models.key import SigningKey
from django_layer_identity.protocol.claims import MAX_CLOCK_SKEW, MAX_LIFETIME
from django_layer_identity.protocol.identifiers import AppID, KeyID

if TYPE_CHECKING:
    from django.http.response import HttpResponseBase
    from rest_framework.request import Request

MAX_AGE = 60  # seconds; how long caches may deliver a revoked key
# The largest possible lifetime, not the current one: a token may be older than the last
# change of TOKEN_LIFETIME or of the Layer app's own lifetime. The clock skew covers
# requests that read the key just before it was retired, and verifiers with slow clocks.
PUBLISHED_AFTER_RETIREMENT = MAX_LIFETIME + MAX_CLOCK_SKEW

logger = logging.getLogger("django_layer_identity")


def verification_keys(
    now: datetime, app_id: AppID | None = None
) -> Iterator[tuple[KeyID, PublicKey]]:
    """
    Yield the public keys that verify past, present and future tokens of enabled apps.

    These are the ready and active keys, and retired keys for as long as their tokens
    can live. Each key is yielded once, because staging and production may share one. A
    key pair that was revoked in one app is left out for all apps, because it leaked. A
    row with a damaged public key is left out and logged, so that the other keys are
    still available. The function makes one query, in the write database.

    :param app_id: yield only the keys of this app; nothing if it is unknown.
    """
    keys = SigningKey.objects.using(router.db_for_write(SigningKey))
    revoked = keys.filter(revoked_at__isnull=False).values("fingerprint")
    found = keys.exclude(fingerprint__in=revoked).filter(
        Q(tested_at__isnull=False) | Q(activated_at__isnull=False),
        Q(retired_at__isnull=True) | Q(retired_at__gt=now - PUBLISHED_AFTER_RETIREMENT),
        app__enabled=True,
        key_id__isnull=False,
    )
    if app_id is not None:
        found = found.filter(app__app_id=app_id.uuid)
    if app_id is not None and app_id.environment is not None:
        found = found.filter(app__environment=app_id.environment)
    rows = found.order_by("pk").values_list("key_id", "public_key", "fingerprint")
    for uuid, pem, fingerprint in dict.fromkeys(rows):
        key_id = KeyID(cast("UUID", uuid))
        with suppress(InvalidKey):
            key = read_public_key(pem)
            if key.fingerprint == fingerprint:
                yield key_id, key
                continue
        logger.error(
            "JWK set without the key %s: its stored public key is damaged.", key_id
        )


class JWKSView(JSONView):
    """
    Return the public keys as a JWK set (RFC 7517, section 5).

    It needs no login, and web pages of any origin may read it. ``?app_id=`` limits it
    to one Layer app. The set is empty for an unknown, a disabled and a malformed app
    ID, so that the caller cannot tell these cases apart.
    """

    http_method_names = ["get", "head"]
    authentication_classes = []
    permission_classes = []
    throttle_classes = []

    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        content = json.dumps({"keys": _jwks(request.query_params.getlist("app_id"))})
        etag = quote_etag(hashlib.sha256(content.encode("ascii")).hexdigest())
        # A middleware may set cookies on the response; a shared cache would keep them.
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

    def http_method_not_allowed(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise MethodNotAllowed("Only GET and HEAD are allowed here.")

    def report(self, refusal: Refusal) -> None:
        if refusal.is_server_error:
            line = "JWK set refused: %s advice=%r"
            logger.error(line, refusal.code, refusal.advice, exc_info=refusal)


def _jwks(app_ids: list[str]) -> list[dict[str, Any]]:
    if len(app_ids) > 1:
        raise BodyMalformed("The parameter “app_id” was sent twice.")
    try:
        app_id = AppID.parse(app_ids[0]) if any(app_ids) else None
    except InvalidIdentifier:
        return []
    keys = verification_keys(timezone.now(), app_id)
    return [key.as_jwk(key_id) for key_id, key in keys]
