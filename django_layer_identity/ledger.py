"""Who owns which Layer user ID: once given to a user, it is nobody else's."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.db import router
from django.views.decorators.debug import sensitive_variables

from django_layer_identity.conf import conf
from django_layer_identity.exceptions import (
    AuthenticationFailed,
    ConfigurationError,
    LedgerConflict,
    Unavailable,
    UserIDChanged,
    UserIDFailed,
    UserIDMismatch,
    UserIDTaken,
)
from django_layer_identity.mapping.sources import MappingContext
from django_layer_identity.mapping.user_ids import is_made_up, layer_user_id
from django_layer_identity.mapping.users import is_user
from django_layer_identity.models import LayerApp, LayerUser
from django_layer_identity.models.reasons import clean_reason
from django_layer_identity.protocol.claims import check_user_id

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser

CHANGED = "The ledger was changed at the same time. Try again."
ATTEMPTS = 5  # each is lost to a success of somebody else's, so few are ever needed


@dataclass(frozen=True)
class Claim:
    """The Layer user ID that a user is to have; nothing is written down yet."""

    context: MappingContext
    expected: str | None = field(repr=False)
    user_id: str = field(repr=False)
    current: LayerUser | None = field(default=None, repr=False)  # what he has now
    entry: LayerUser | None = field(default=None, repr=False)  # that of ``user_id``

    @property
    def is_settled(self) -> bool:
        """Whether the ledger says so already."""
        return self.entry is not None and self.entry == self.current


@sensitive_variables()
def claim(
    context: MappingContext, expected: str | None = None, *, current: LayerUser | None
) -> Claim:
    """
    Decide on a user's Layer user ID, and write nothing.

    :param expected: what the client takes it to be; None and ``""`` say nothing.
    :param current: the entry that the user has now in the app's ledger.
    :raises UserIDUnavailable, UserIDFailed: as the mapping does.
    :raises UserIDTaken: if the ID is, or was, another user's.
    :raises UserIDChanged: if the user has another one and may not change it.
    :raises UserIDMismatch: if the client expects another one.
    """
    user_id, entry = _decide(context, current)
    if expected not in (None, "", user_id):
        # What nothing keeps yet is another one next time, and no use to the client.
        lasting = entry is not None or not is_made_up()
        raise UserIDMismatch(user_id if lasting else None)
    return Claim(context, expected, user_id, current, entry)


@sensitive_variables()
def settle(claimed: Claim) -> str:
    """
    Write down what was claimed, where it is not there yet, and return the ID.

    Between two who come at once the database's constraints decide; whoever comes
    second looks again, and may be refused as by :func:`claim`.

    :raises AuthenticationFailed: if the user was deleted a moment ago.
    :raises Unavailable: if somebody else was faster each time.
    """
    context = claimed.context
    for _ in range(ATTEMPTS):
        if claimed.is_settled or _move(claimed):
            return claimed.user_id
        _check_still_there(context.user)
        current = LayerUser.objects.current(context.app, context.user.pk)
        claimed = claim(context, claimed.expected, current=current)
    raise Unavailable


def adopt(app: LayerApp, user: AbstractBaseUser, user_id: str) -> None:
    """
    Write down a Layer user ID that a user has had; the same again changes nothing.

    :raises InvalidClaims: if it cannot be one.
    :raises LedgerConflict: if it is, or was, another user's, or he has another one.
    """
    _check_use(user)
    current = LayerUser.objects.current(app, user.pk)
    if current is not None and not current.names(user_id):
        raise LedgerConflict("The user has another Layer user ID: rename him.")
    rename(app, user, user_id)


def rename(app: LayerApp, user: AbstractBaseUser, user_id: str) -> None:
    """
    Give a user another Layer user ID; the one that he has stays his.

    :raises InvalidClaims: if it cannot be one.
    :raises LedgerConflict: if it is, or was, another user's.
    """
    _check_use(user)
    current = LayerUser.objects.current(app, user.pk)
    entry = LayerUser.objects.find(app, check_user_id(user_id))
    if entry is not None and entry.owner_id != user.pk:
        raise LedgerConflict("The Layer user ID is, or was, another user's.")
    claimed = Claim(MappingContext(user, app), None, user_id, current, entry)
    if not (entry is not None and entry == current) and not _move(claimed):
        raise LedgerConflict(CHANGED)


def reassign(
    entry: LayerUser, user: AbstractBaseUser, *, reason: str, user_id: str | None = None
) -> None:
    """
    Take a Layer user ID from whoever has it, or had it, and give it to a user.

    He gets, and can read, everything that was sent to it.

    :param reason: why; kept in the ledger.
    :param user_id: the ID itself, needed where its user was deleted and its text too.
    :raises InvalidReason: if it is empty, over 200 characters, or holds a private key.
    :raises LedgerConflict: if the user has it already, the text is another ID's, or
        somebody else changed the ledger at the same time.
    """
    _check_use(user)
    reason = clean_reason(reason)
    text = user_id or entry.user_id
    if not entry.names(text):
        raise LedgerConflict("This is not the Layer user ID that is to be reassigned.")
    if entry.current_for_id == user.pk:
        raise LedgerConflict("The user has this Layer user ID already.")
    if not LayerUser.objects.reassign(entry, user.pk, text, reason):
        raise LedgerConflict(CHANGED)


@sensitive_variables()
def _decide(
    context: MappingContext, current: LayerUser | None
) -> tuple[str, LayerUser | None]:
    """Return the ID that a user is to have, and its entry if there is one."""
    if current is not None:
        if not current.names(current.user_id):
            raise UserIDFailed from ConfigurationError(
                f"Row {current.pk} of the ledger is damaged: its text and its digest "
                "do not belong together."
            )
        if conf.USER_ID_CHANGE not in ("follow", "refuse"):
            return current.user_id, current
        context = replace(context, current_user_id=current.user_id)
    user_id = layer_user_id(context)
    if current is not None:
        if current.names(user_id):
            return user_id, current
        if conf.USER_ID_CHANGE == "refuse":
            raise UserIDChanged
    entry = LayerUser.objects.find(context.app, user_id)
    if entry is not None and entry.owner_id != context.user.pk:
        raise UserIDTaken
    return user_id, entry


def _move(claimed: Claim) -> bool:
    """Make the claimed ID the user's current one, unless the ledger changed since."""
    context = claimed.context
    return LayerUser.objects.move(
        context.app.pk,
        context.user.pk,
        claimed.user_id,
        away_from=claimed.current,
        to=claimed.entry,
    )


def _check_use(user: AbstractBaseUser) -> None:
    if not is_user(user):
        raise LedgerConflict("The user is to be given as his row of AUTH_USER_MODEL.")
    if user.pk is None or user._state.adding:
        raise LedgerConflict("The user is not stored yet: save him first.")


def _check_still_there(user: AbstractBaseUser) -> None:
    users = get_user_model()._base_manager.using(router.db_for_write(LayerUser))
    if not users.filter(pk=user.pk).exists():
        raise AuthenticationFailed
