"""Report each outcome without secrets: one log line and one signal."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.dispatch import Signal

from django_layer_identity.exceptions import (
    LayerIdentityError,
    Refusal,
    SigningBackendError,
)
from django_layer_identity.models import LayerApp
from django_layer_identity.signals import identity_token_issued, identity_token_refused

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest


logger = logging.getLogger("django_layer_identity")


@dataclass(frozen=True)
class Facts:
    """What is known about a request; receivers get all of it, the log gets less."""

    user: AbstractBaseUser | None = None
    request: HttpRequest | None = None
    app: LayerApp | None = None
    fingerprint: str | None = None
    nonce_digest: str | None = None

    def logged(self) -> dict[str, Any]:
        """Return what may be logged: IDs of user and app, fingerprint, nonce digest."""
        return {
            "user_pk": getattr(self.user, "pk", None),
            "app_id": str(self.app.identifier) if self.app else None,
            "fingerprint": self.fingerprint,
            "nonce_digest": self.nonce_digest,
        }

    def fields(self) -> dict[str, Any]:
        """Return ``extra`` for the logger; escape unprintable characters."""
        return {
            name: repr(fact)
            if isinstance(fact, str) and not fact.isprintable()
            else fact
            for name, fact in self.logged().items()
        }

    def __str__(self) -> str:
        # %r, because a primary key may be text that contains line breaks.
        return "app={app_id!r} key={fingerprint!r} user={user_pk!r} nonce={nonce_digest!r}".format(
            **self.logged()
        )


def report_issued(facts: Facts) -> None:
    """Log that a token was issued, and send the signal; receiver errors are ignored."""
    fields = {"code": "issued", **facts.fields()}
    logger.info("Identity token issued: %s", str(facts), extra=fields)
    _send(identity_token_issued, facts)


def report_refused(refusal: Refusal, facts: Facts) -> None:
    """Log the refusal and its reason, and send the signal."""
    cause, code, text = refusal.__cause__, refusal.code, str(facts)
    fields = {"code": code, **facts.fields()}
    if refusal.is_server_error and not explains_itself(cause):
        line = "Identity token refused: %s %s advice=%r"
        error = cause or refusal
        logger.error(line, code, text, refusal.advice, exc_info=error, extra=fields)
    else:
        level = logging.ERROR if refusal.is_server_error else logging.INFO
        # Messages of third-party exceptions may contain personal data. Log their class
        # and code (``refused_by``) if known, else the refusal's own sentence.
        own = cause if isinstance(cause, LayerIdentityError) else refusal
        reason = getattr(cause, "refused_by", own)
        line, values = "Identity token refused: %s %s reason=%r", [str(reason)]
        if refusal.needs_operator:
            line, values = f"{line} advice=%r", [*values, refusal.advice]
        logger.log(level, line, code, text, *values, extra=fields)
    _send(identity_token_refused, facts, code=code)


def explains_itself(error: BaseException | None) -> bool:
    """
    Return whether the error needs no traceback in the log.

    The package raises its own errors on purpose, and their messages say what to do. But
    the message does not have what a signing backend raised unexpectedly.
    """
    if isinstance(error, SigningBackendError) and error.__cause__ is not None:
        return isinstance(error.__cause__, LayerIdentityError)
    return isinstance(error, LayerIdentityError)


def report_preview(
    facts: Facts, by: AbstractBaseUser, refusal: Refusal | None = None
) -> None:
    """Log that a token was tried. Send no signal: nobody got the token."""
    code = refusal.code if refusal else "no refusal"
    is_error = refusal is not None and refusal.is_server_error
    error = refusal and (refusal.__cause__ or refusal)
    logger.info(
        "Identity token tried: %s by=%r %s",
        code,
        by.pk,
        str(facts),
        exc_info=error if is_error else None,
        extra={"code": "tried", **facts.fields()},
    )


def _send(signal: Signal, facts: Facts, **more: str) -> None:
    signal.send_robust(sender=LayerApp, **vars(facts), **more)
