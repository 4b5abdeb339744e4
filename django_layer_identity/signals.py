"""
What happened, without secrets: two signals and a log line for each outcome.

Receivers get ``user_pk``, ``app_id`` (as Layer writes it), ``fingerprint`` (of the
signing key) and ``nonce_digest``; each is None where it was not known yet. A refusal
has its ``code`` besides. Neither a nonce nor a token ever comes this way.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from typing import Any

from django.dispatch import Signal
from django.utils.crypto import salted_hmac

from django_layer_identity.exceptions import LayerIdentityError, Refusal

identity_token_issued = Signal()
identity_token_refused = Signal()

logger = logging.getLogger("django_layer_identity")


@dataclass(frozen=True)
class Facts:
    """What may be told of an attempt."""

    user_pk: Any = None
    app_id: str | None = None
    fingerprint: str | None = None
    nonce_digest: str | None = None

    def fields(self) -> dict[str, Any]:
        """Return what a structured log takes; text cannot split a line there either."""
        return {
            name: repr(fact)
            if isinstance(fact, str) and not fact.isprintable()
            else fact
            for name, fact in asdict(self).items()
        }

    def __str__(self) -> str:
        # %r, as a primary key may be text that its user chose, line breaks and all.
        return "app={app_id!r} key={fingerprint!r} user={user_pk!r} nonce={nonce_digest!r}".format(
            **asdict(self)
        )


def nonce_digest(nonce: str) -> str:
    """Return what a nonce can be recognised by, and not be learnt from: 64 digits."""
    return salted_hmac(
        "django_layer_identity.nonce", nonce, algorithm="sha256"
    ).hexdigest()


def report_issued(facts: Facts) -> None:
    """Tell the log and whoever listens; a receiver that fails stops no login."""
    fields = {"code": "issued", **facts.fields()}
    logger.info("Identity token issued: %s", facts, extra=fields)
    identity_token_issued.send_robust(sender=None, **asdict(facts))


def report_refused(refusal: Refusal, facts: Facts) -> None:
    """Tell the log and whoever listens why the answer is no."""
    cause, code = refusal.__cause__, refusal.code
    fields = {"code": code, **facts.fields()}
    if refusal.fault_is_ours:
        line = "Identity token refused: %s %s"
        logger.error(line, code, facts, exc_info=cause or refusal, extra=fields)
    else:
        # Of other people's exceptions nobody knows whom they name.
        reason = cause if isinstance(cause, LayerIdentityError) else refusal
        line = "Identity token refused: %s %s reason=%r"
        logger.info(line, code, facts, str(reason), extra=fields)
    identity_token_refused.send_robust(sender=None, code=code, **asdict(facts))
