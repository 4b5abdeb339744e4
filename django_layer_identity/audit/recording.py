"""
Write a row for each issued token and each refusal, in the caller's transaction.

Refusals without a user and throttled requests get no row. Errors are logged. They never
fail the request or the transaction.
"""

from __future__ import annotations

import logging
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from django.db import router, transaction

from django_layer_identity.audit.models import ISSUED, AuditEntry
from django_layer_identity.mapping.users import impersonator_of
from django_layer_identity.models import LayerApp
from django_layer_identity.models.locking import is_unreachable
from django_layer_identity.signals import identity_token_issued, identity_token_refused

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest

MAX_USER_PK_LENGTH = 255  # characters; a primary key may be text of any length

logger = logging.getLogger("django_layer_identity.audit")


def connect() -> None:
    """Connect the receivers; the app's ``ready()`` calls this once."""
    identity_token_issued.connect(record)
    identity_token_refused.connect(record)


def record(
    *,
    user: AbstractBaseUser | None,
    request: HttpRequest | None,
    app: LayerApp | None,
    fingerprint: str | None,
    nonce_digest: str | None,
    code: str = ISSUED,
    **kwargs: Any,
) -> None:
    """Write an audit entry; a receiver of both signals."""
    if user is None or code == "throttled":
        return  # otherwise any client could fill the table
    alias = router.db_for_write(AuditEntry)
    if alias == router.db_for_write(LayerApp) and is_unreachable(alias):
        logger.error(
            "The audit entry %r was not written, because the database failed.", code
        )
        return
    try:
        # Outside the savepoint: a failing query inside it would lose the entry.
        impersonator = _impersonator(request)
        with transaction.atomic(using=alias):
            AuditEntry.objects.using(alias).create(
                code=code,
                user_pk=str(user.pk)[:MAX_USER_PK_LENGTH],
                impersonator_pk=impersonator[:MAX_USER_PK_LENGTH],
                app_id=str(app.identifier) if app else "",
                fingerprint=fingerprint or "",
                nonce_digest=nonce_digest or "",
                address=_address(request),
            )
    except Exception:
        logger.exception("The audit entry %r was not written.", code)


def _impersonator(request: HttpRequest | None) -> str:
    """Return the impersonator's primary key, or ``""`` if it is unknown."""
    try:
        return impersonator_of(request) or ""
    except Exception:  # an unreadable session must not prevent the entry
        logger.exception(
            "The session cannot be read, so the audit entry has no impersonator."
        )
        return ""


def _address(request: HttpRequest | None) -> str:
    """Return ``REMOTE_ADDR``, or ``""`` if it is not an IP address."""
    text = request.META.get("REMOTE_ADDR") or "" if request else ""
    try:
        return str(ip_address(text.partition("%")[0]))  # without the zone of IPv6
    except ValueError:
        return ""  # the path of a Unix socket, or an invalid value from a proxy
