"""
From a signal to a row, in the caller's transaction.

Errors are logged; they fail neither the request nor that transaction.
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
    """Record from now on; called once, from the app's ``ready()``."""
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
    """Receive either signal."""
    if user is None or code == "throttled":
        return  # or a client could write as many rows as it likes
    alias = router.db_for_write(AuditEntry)
    if alias == router.db_for_write(LayerApp) and is_unreachable(alias):
        logger.error("No audit entry, as the database has failed: %r", code)
        return
    try:
        # Outside the savepoint: a query that fails inside would cost the entry.
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
        logger.exception("An audit entry could not be written: %r", code)


def _impersonator(request: HttpRequest | None) -> str:
    """Return the impersonator's primary key; a session that is unreadable has none."""
    try:
        return impersonator_of(request) or ""
    except Exception:  # or a client could escape by a cookie that no database takes
        logger.exception("The session cannot be read for an audit entry")
        return ""


def _address(request: HttpRequest | None) -> str:
    """Return ``REMOTE_ADDR``; what is no IP address is not recorded."""
    text = request.META.get("REMOTE_ADDR") or "" if request else ""
    try:
        return str(ip_address(text.partition("%")[0]))  # without an interface's name
    except ValueError:
        return ""  # a socket's path, or a proxy's mistake
