"""Which public keys a verifier needs, to check every token that may still be valid."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple, cast
from uuid import UUID

from django.db import router
from django.db.models import Q

from django_layer_identity.exceptions import InvalidKey
from django_layer_identity.keys.public import read_public_key
from django_layer_identity.models.key_life import SigningKey
from django_layer_identity.protocol.claims import MAX_CLOCK_SKEW, MAX_LIFETIME
from django_layer_identity.protocol.identifiers import AppID, KeyID

# Not the lifetime set today: a token may be from before the setting, or the Layer
# app's own lifetime, was shortened. The skew is for requests that had read the key
# when it was retired, and for a verifier whose clock is behind.
PUBLISHED_AFTER_RETIREMENT = MAX_LIFETIME + MAX_CLOCK_SKEW

logger = logging.getLogger(__name__)


class PublishedKey(NamedTuple):
    """What anybody may know of a signing key."""

    key_id: KeyID
    public_key: str
    fingerprint: str


def published_keys(now: datetime, app_id: AppID | None = None) -> list[PublishedKey]:
    """
    Return the keys of enabled apps under which tokens are, were or will be signed.

    Ready and active ones, and retired ones for as long as a token of theirs can live;
    each once, as staging and production may share one. A pair that was revoked in any
    app is left out in all of them: it leaked, and it does not matter from where. A row
    whose public half has another fingerprint is left out and logged, for the sake of
    all others. One query, in the write database.

    :param app_id: only the keys of this app; none at all if it is unknown.
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
    published = dict.fromkeys(
        PublishedKey(KeyID(cast("UUID", key_id)), *row) for key_id, *row in rows
    )
    return [key for key in published if _is_whole(key)]


def _is_whole(key: PublishedKey) -> bool:
    with suppress(InvalidKey):
        if read_public_key(key.public_key).fingerprint == key.fingerprint:
            return True
    logger.error("The public half of the key %s is damaged.", key.key_id)
    return False
