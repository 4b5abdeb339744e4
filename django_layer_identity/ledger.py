"""The rules of the ledger: a Layer user ID has one owner until it is reassigned."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

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
from django_layer_identity.mapping.user_ids import (
    compute_user_id,
    is_random,
    needs_project_code,
)
from django_layer_identity.mapping.users import is_user
from django_layer_identity.models import LayerApp, LayerUser
from django_layer_identity.models.reasons import clean_reason
from django_layer_identity.protocol.claims import check_user_id

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser

CHANGED = "The ledger was changed at the same time. Try again."
ATTEMPTS = 5  # each retry means that another writer succeeded


@dataclass(frozen=True)
class Assignment:
    """The Layer user ID that a user should have; nothing is written yet."""

    context: MappingContext
    expected: str | None = field(repr=False)
    user_id: str = field(repr=False)
    #: The user's present entry.
    current: LayerUser | None = field(default=None, repr=False)
    #: The entry of ``user_id``.
    entry: LayerUser | None = field(default=None, repr=False)

    @property
    def is_recorded(self) -> bool:
        """Whether the ledger already has it."""
        return self.entry is not None and self.entry == self.current


@sensitive_variables()
def resolve(
    context: MappingContext, expected: str | None = None, *, current: LayerUser | None
) -> Assignment:
    """
    Decide which Layer user ID a user should have. Write nothing.

    :param expected: the ID that the client expects; None or ``""`` for any ID.
    :param current: the user's present entry in the app's ledger.
    :raises UserIDUnavailable: if ``USER_ID`` gives no usable value.
    :raises UserIDFailed: if computing it fails, or the user's ledger entry is damaged.
    :raises UserIDTaken: if the ID belongs, or belonged, to another user.
    :raises UserIDChanged: if the user has another ID and must keep it.
    :raises UserIDMismatch: if the client expects another ID.
    """
    user_id, entry = _decide(context, current)
    if expected not in (None, "", user_id):
        # A random ID that is not stored yet will be different next time.
        lasting = entry is not None or not is_random()
        raise UserIDMismatch(user_id if lasting else None)
    return Assignment(context, expected, user_id, current, entry)


@sensitive_variables()
def record(assignment: Assignment) -> str:
    """
    Write the assignment to the ledger if it is not there yet, and return the ID.

    Database constraints decide between concurrent writers. The loser decides again and
    may be refused, as by :func:`resolve`.

    :raises AuthenticationFailed: if the user was deleted in the meantime.
    :raises Unavailable: if another writer was faster each time.
    """
    context = assignment.context
    for _ in range(ATTEMPTS):
        if assignment.is_recorded or _switch(assignment):
            return assignment.user_id
        _check_user_exists(context.user)
        current = LayerUser.objects.current(context.app, context.user.pk)
        assignment = resolve(context, assignment.expected, current=current)
    raise Unavailable


def import_user_id(app: LayerApp, user: AbstractBaseUser, user_id: str) -> None:
    """
    Record a Layer user ID that the user already has at Layer; may be repeated.

    :raises InvalidClaims: if it is not a valid Layer user ID.
    :raises LedgerConflict: if it belongs, or belonged, to another user, or the user has
        another one.
    """
    _check_saved_user(user)
    check_user_id(user_id)
    current = LayerUser.objects.current(app, user.pk)
    if current is not None and not current.matches(user_id):
        raise LedgerConflict(
            "This user already has another Layer user ID. Use layer_user_rename to "
            "change it."
        )
    rename(app, user, user_id)


def rename(app: LayerApp, user: AbstractBaseUser, user_id: str) -> None:
    """
    Give a user another Layer user ID; the old one stays reserved for the same user.

    :raises InvalidClaims: if it is not a valid Layer user ID.
    :raises LedgerConflict: if it belongs, or belonged, to another user.
    """
    _check_saved_user(user)
    current = LayerUser.objects.current(app, user.pk)
    entry = LayerUser.objects.find(app, check_user_id(user_id))
    if entry is not None and entry.owner_id != user.pk:
        raise LedgerConflict("The Layer user ID belongs, or belonged, to another user.")
    assignment = Assignment(MappingContext(user, app), None, user_id, current, entry)
    if not (entry is not None and entry == current) and not _switch(assignment):
        raise LedgerConflict(CHANGED)


def reassign(
    entry: LayerUser, user: AbstractBaseUser, *, reason: str, user_id: str | None = None
) -> None:
    """
    Give a user a Layer user ID that belongs, or belonged, to another user.

    The new owner receives, and can read, everything that was sent to this ID.

    :param reason: stored in the ledger.
    :param user_id: the ID itself; needed if its text was cleared with a deleted user.
    :raises InvalidReason: if it is empty, over 200 characters, or contains a private
        key.
    :raises LedgerConflict: if the user already has it, ``user_id`` is another ID, or
        the ledger changed at the same time.
    """
    _check_saved_user(user)
    reason = clean_reason(reason)
    text = user_id or entry.user_id
    if not entry.matches(text):
        raise LedgerConflict(
            "The Layer user ID does not match this entry: give its exact ID."
        )
    if entry.current_for_id == user.pk:
        raise LedgerConflict("The user already has this Layer user ID.")
    if not LayerUser.objects.reassign(entry, user.pk, text, reason):
        raise LedgerConflict(CHANGED)


@sensitive_variables()
def foresee_loss(entry: LayerUser) -> Assignment | None:
    """
    Decide which ID the owner of an entry will get after its reassignment to another user.

    Write nothing, and call no callable of the settings; methods of an attribute path are
    called. Return None if only a callable can tell.

    :raises UserIDTaken: if ``USER_ID`` gives the owner the ID of this entry.
    :raises Refusal: if another reason will prevent tokens, as in :func:`resolve`.
    """
    owner: Any = entry.owner
    context = MappingContext(owner, entry.app)
    current = LayerUser.objects.current(entry.app, owner.pk)
    if current == entry:
        current = None
    is_computed = current is None or conf.USER_ID_CHANGE in ("follow", "refuse")
    if is_computed and needs_project_code():
        return None
    user_id, found = _decide(context, current)
    if found == entry:
        raise UserIDTaken
    return Assignment(context, None, user_id, current, found)


@sensitive_variables()
def _decide(
    context: MappingContext, current: LayerUser | None
) -> tuple[str, LayerUser | None]:
    """Return the ID that the user should have, and its entry if it exists."""
    if current is not None:
        if not current.matches(current.user_id):
            raise UserIDFailed from ConfigurationError(
                f"Row {current.pk} of the ledger is damaged: its text does not match its "
                "digest. Restore the row from a backup."
            )
        if conf.USER_ID_CHANGE not in ("follow", "refuse"):
            return current.user_id, current
        context = replace(context, current_user_id=current.user_id)
    user_id = compute_user_id(context)
    if current is not None:
        if current.matches(user_id):
            return user_id, current
        if conf.USER_ID_CHANGE == "refuse":
            raise UserIDChanged
    entry = LayerUser.objects.find(context.app, user_id)
    if entry is not None and entry.owner_id != context.user.pk:
        raise UserIDTaken
    return user_id, entry


def _switch(assignment: Assignment) -> bool:
    """Make the ID the user's current one; return False if the ledger changed."""
    context = assignment.context
    return LayerUser.objects.switch(
        context.app.pk,
        context.user.pk,
        assignment.user_id,
        old=assignment.current,
        new=assignment.entry,
    )


def _check_saved_user(user: AbstractBaseUser) -> None:
    if not is_user(user):
        raise LedgerConflict(
            f"Expected an instance of AUTH_USER_MODEL, not {type(user).__name__}."
        )
    if user.pk is None or user._state.adding:
        raise LedgerConflict("Save the user first.")


def _check_user_exists(user: AbstractBaseUser) -> None:
    users = get_user_model()._base_manager.using(router.db_for_write(LayerUser))
    if not users.filter(pk=user.pk).exists():
        raise AuthenticationFailed
