"""
From a signal to a row, in no transaction but its own.

Where the database commits each statement at once, as it does for our endpoint, the row
is written there and then. Inside a transaction of the project it would be lost in a
rollback, though the token is out: a thread with a connection of its own writes it.
Whatever goes wrong is logged, and neither login nor transaction notices.
"""

from __future__ import annotations

import logging
from typing import Any

from django.db import router, transaction

from django_layer_identity.audit.addresses import current_address
from django_layer_identity.audit.background import write_in_background
from django_layer_identity.audit.models import ISSUED, AuditEntry
from django_layer_identity.signals import (
    identity_token_issued,
    identity_token_refused,
)

MAX_USER_PK_LENGTH = 255  # characters; a primary key may be text of any length

logger = logging.getLogger("django_layer_identity.audit")


def connect() -> None:
    """Record from now on; called once, from the app's ``ready()``."""
    identity_token_issued.connect(record)
    identity_token_refused.connect(record)


def disconnect() -> None:
    """Record no more."""
    identity_token_issued.disconnect(record)
    identity_token_refused.disconnect(record)


def record(
    *,
    user_pk: Any,
    app_id: str | None,
    fingerprint: str | None,
    nonce_digest: str | None,
    code: str = ISSUED,
    **kwargs: Any,
) -> None:
    """Receive either signal."""
    entry = AuditEntry(
        code=code,
        user_pk="" if user_pk is None else str(user_pk)[:MAX_USER_PK_LENGTH],
        app_id=app_id or "",
        fingerprint=fingerprint or "",
        nonce_digest=nonce_digest or "",
        address=current_address(),
    )
    try:
        _write(entry, router.db_for_write(AuditEntry))
    except Exception:
        logger.exception("An audit entry could not be written: %r", entry.code)


def _write(entry: AuditEntry, alias: str) -> None:
    if transaction.get_connection(alias).get_autocommit():
        entry.save(using=alias, force_insert=True)
    elif _is_of_a_test(alias):
        with transaction.atomic(using=alias):
            entry.save(using=alias, force_insert=True)
    else:
        write_in_background(entry, alias)


def _is_of_a_test(alias: str) -> bool:
    """Tell whether the transaction is a test case's, which counts as none to Django."""
    blocks = transaction.get_connection(alias).atomic_blocks
    return any(block._from_testcase for block in blocks)
