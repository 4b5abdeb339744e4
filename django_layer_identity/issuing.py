"""Issue identity tokens: the only way from a user, a nonce and an app to a token."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from asgiref.sync import sync_to_async
from django.db import Error
from django.views.decorators.debug import sensitive_variables

from django_layer_identity import ledger
from django_layer_identity.conf import conf
from django_layer_identity.digests import nonce_digest
from django_layer_identity.exceptions import (
    ConfigurationError,
    InvalidClaims,
    KeyStateError,
    NoSigningKey,
    Refusal,
    SigningFailed,
    Unavailable,
)
from django_layer_identity.key_usage import record_use
from django_layer_identity.mapping.claims import profile_claims
from django_layer_identity.mapping.sources import MappingContext
from django_layer_identity.mapping.users import check_user, saved_user
from django_layer_identity.models import LayerApp, SigningKey
from django_layer_identity.models.issuing import get_for_issuing
from django_layer_identity.nonces import reserve_nonce
from django_layer_identity.protocol.claims import (
    IdentityClaims,
    Profile,
    check_lifetime,
    check_nonce,
)
from django_layer_identity.protocol.signing import Signer, sign_identity_token
from django_layer_identity.reporting import (
    Facts,
    report_issued,
    report_preview,
    report_refused,
)
from django_layer_identity.warming import warm_keys as warm_keys  # public from here

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest


@dataclass(frozen=True)
class IssuedToken:
    """An identity token and its content; times are aware, in whole seconds."""

    token: str = field(repr=False)
    user_id: str = field(repr=False)
    app: LayerApp
    key_id: str
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class PreviewedToken:
    """
    A token that was never issued. It is complete, so it is a credential.

    Show its signature only if ``is_recorded``: otherwise the ledger does not reserve the
    Layer user ID for this user, so it may give the ID to another user later.
    """

    token: str = field(repr=False)
    is_recorded: bool

    @property
    def without_signature(self) -> str:
        """The header and the claims, as they are in the token."""
        return self.token.rpartition(".")[0]


@sensitive_variables()
def issue_identity_token(
    user: AbstractBaseUser,
    nonce: str,
    *,
    app: LayerApp | str | None = None,
    expected_user_id: str | None = None,
    request: HttpRequest | None = None,
) -> IssuedToken:
    """
    Sign an identity token for an authenticated user.

    :param nonce: the nonce that Layer gave to the client.
    :param app: a Layer app, an app ID in any accepted form, or None for the only one.
    :param expected_user_id: the Layer user ID that the client expects. It is only
        compared with the user's own ID. None and ``""`` skip the comparison.
    :param request: passed to the callables of ``USER_ID`` and ``CLAIMS`` and to the
        receivers of the signals.
    :raises Refusal: if no token is issued; its ``code`` says why.
    """
    attempt = _Attempt(user, request)
    try:
        issued = attempt.run(nonce, app, expected_user_id)
    except Refusal as refusal:
        report_refused(refusal, attempt.facts())
        raise
    report_issued(attempt.facts())
    return issued


@sensitive_variables()
async def aissue_identity_token(
    user: AbstractBaseUser,
    nonce: str,
    *,
    app: LayerApp | str | None = None,
    expected_user_id: str | None = None,
    request: HttpRequest | None = None,
) -> IssuedToken:
    """
    Sign an identity token, as :func:`issue_identity_token` does, in asynchronous code.

    The work runs in the thread of the caller's own queries, so it uses the same database
    connections. Callables of the settings and receivers of the signals run there too.

    :raises Refusal: if no token is issued; its ``code`` says why.
    """
    issue = sync_to_async(issue_identity_token, thread_sensitive=True)
    return await issue(
        user, nonce, app=app, expected_user_id=expected_user_id, request=request
    )


@sensitive_variables()
def preview_identity_token(
    user: AbstractBaseUser, app: LayerApp, nonce: str, *, by: AbstractBaseUser
) -> PreviewedToken:
    """
    Sign the token that the user would get, and record nothing but a log line.

    The ledger, the nonce guard and the key do not change, and no signal is sent.

    :param nonce: made by the caller; never one that a person chose.
    :param by: the user who asks, for the log.
    :raises Refusal: if the user would not get a token.
    """
    attempt = _Attempt(user, None)
    try:
        preview = attempt.preview(nonce, app)
    except Refusal as refusal:
        report_preview(attempt.facts(), by, refusal)
        raise
    report_preview(attempt.facts(), by)
    return preview


@dataclass(frozen=True)
class _Draft:
    """A token that is decided, but neither recorded nor signed."""

    app: LayerApp
    digest: str  # of the nonce
    key: SigningKey
    assignment: ledger.Assignment
    claims: IdentityClaims
    signer: Signer


@dataclass
class _Attempt:
    """One request for a token, and what is known about it so far."""

    user: AbstractBaseUser
    request: HttpRequest | None
    digest: str | None = None  # of the nonce
    app: LayerApp | None = None
    key: SigningKey | None = None

    def run(
        self,
        nonce: str,
        app: LayerApp | str | None,
        expected_user_id: str | None,
    ) -> IssuedToken:
        draft = self._draft(nonce, app, expected_user_id)
        # Nothing is written before this line. The nonce and signing may still fail.
        with _database():
            user_id = ledger.record(draft.assignment)
        reserve_nonce(draft.app, draft.digest, self.user.pk, user_id)
        token = _sign(replace(draft.claims, user_id=user_id), draft.signer)
        record_use(draft.key)
        return IssuedToken(
            token=token,
            user_id=user_id,
            app=draft.app,
            key_id=str(draft.signer.key_id),
            issued_at=draft.claims.issued_at,
            expires_at=draft.claims.expires_at,
        )

    def preview(self, nonce: str, app: LayerApp) -> PreviewedToken:
        draft = self._draft(nonce, app, None)
        token = _sign(draft.claims, draft.signer)
        return PreviewedToken(token, draft.assignment.is_recorded)

    def _draft(
        self,
        nonce: str,
        app: LayerApp | str | None,
        expected_user_id: str | None,
    ) -> _Draft:
        """Decide everything about the token. Write nothing."""
        check_user(self.user)
        self.digest = digest = nonce_digest(check_nonce(nonce))
        with _database():
            row = get_for_issuing(app, self.user.pk)
        self.app = row.app
        context = MappingContext(self.user, self.app, self.request)
        with _database():
            assignment = ledger.resolve(context, expected_user_id, current=row.entry)
        profile = profile_claims(context)
        if row.key is None:
            raise NoSigningKey from KeyStateError(
                f"The Layer app {self.app} has no active signing key. Activate one, with "
                "“manage.py layer_key_activate” or in the admin."
            )
        self.key = row.key
        claims, signer = _prepare(
            self.key, self.app, assignment.user_id, nonce, profile
        )
        return _Draft(self.app, digest, self.key, assignment, claims, signer)

    def facts(self) -> Facts:
        return Facts(
            user=saved_user(self.user),
            request=self.request,
            app=self.app,
            fingerprint=self.key.fingerprint if self.key else None,
            nonce_digest=self.digest,
        )


@contextmanager
def _database() -> Iterator[None]:
    """Turn database errors into a refusal."""
    try:
        yield
    except Error as exc:
        raise Unavailable from exc


def _prepare(
    key: SigningKey, app: LayerApp, user_id: str, nonce: str, profile: Profile
) -> tuple[IdentityClaims, Signer]:
    """Build the claims and load the key. Both may fail, so reserve the nonce later."""
    now = datetime.now(timezone.utc).replace(microsecond=0)
    try:
        claims = IdentityClaims(
            provider_id=app.provider,
            user_id=user_id,
            nonce=nonce,
            issued_at=now - conf.CLOCK_SKEW,
            expires_at=now + token_lifetime(app),
            profile=profile,
        )
        return claims, key.load_signer()
    except Exception as exc:  # a signing backend may raise anything
        raise SigningFailed from exc


def token_lifetime(app: LayerApp) -> timedelta:
    """
    Return the lifetime of this app's tokens.

    :raises ConfigurationError: if ``TOKEN_LIFETIME`` is invalid.
    """
    try:
        return app.token_lifetime or check_lifetime(conf.TOKEN_LIFETIME)
    except (InvalidClaims, TypeError) as exc:
        raise ConfigurationError(
            "LAYER_IDENTITY['TOKEN_LIFETIME'] must be a timedelta from 30 seconds to 24 "
            "hours. Correct it; for example: timedelta(minutes=5)."
        ) from exc


def _sign(claims: IdentityClaims, signer: Signer) -> str:
    try:
        return sign_identity_token(claims, signer)
    except Exception as exc:  # as above
        raise SigningFailed from exc
