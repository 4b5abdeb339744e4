"""Admin actions for keys; each has a permission and writes a history entry."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import OperationalError, router
from django.utils.translation import gettext_lazy as _

from django_layer_identity.admin.base import LayerModelAdmin, error_message
from django_layer_identity.admin.display import service, state
from django_layer_identity.admin.forms import RevokeForm
from django_layer_identity.exceptions import LayerIdentityError
from django_layer_identity.models import LayerApp, SigningKey
from django_layer_identity.models.locking import lock_and_refresh, retry_on_conflict

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.forms import Form
    from django.http import HttpRequest, HttpResponse
    from django.utils.functional import _StrPromise

    Keys = QuerySet[SigningKey]
    Response = HttpResponse | None

State = SigningKey.State
#: Changes a key; returns the key that it retired, or None.
Transition = Callable[[SigningKey], SigningKey | None]

# What an activation writes about the key that it retires, and about the new key
REPLACED_BY = _("replaced by %(key)s")
IN_PLACE_OF = _("in place of %(key)s")
RETIRED = _("The signing key %(key)s was retired.")
# What happens to an app when one of its keys does not sign any more
STOPS = _("%(app)s's users get no identity tokens until you activate another key.")
GOES_ON = _("%(app)s goes on signing with the key %(key)s.")
#: For each state, what an action without effect says. Only a retired key is destroyed.
UNCHANGED = {
    State.RETIRED: _(
        "The private key of the signing key %(key)s was already destroyed. Nothing was "
        "changed."
    ),
    State.REVOKED: _(
        "The signing key %(key)s was already revoked. Nothing was changed."
    ),
}

FROM_PAGE = "from_page"  # posted by the buttons of a key's own page
CONFIRMATION = "admin/layer_identity/signingkey/{}_confirmation.html"


@admin.action(description=_("Run the self-test"), permissions=["change"])
def self_test(
    model_admin: LayerModelAdmin, request: HttpRequest, keys: Keys
) -> Response:
    note = _("Self-test passed.")
    return _run_action(model_admin, request, keys, SigningKey.run_self_test, note)


@admin.action(description=_("Activate selected keys"), permissions=["activate"])
def activate(
    model_admin: LayerModelAdmin, request: HttpRequest, keys: Keys
) -> Response:
    if len({key.app_id for key in keys}) < len(keys):
        message = _(
            "Nothing was changed: a Layer app can have only one active key. Select one key "
            "per Layer app."
        )
        model_admin.message_user(request, message, messages.ERROR)
        return None
    get_active_pk = SigningKey.objects.get_active_pk
    former = {key.pk: get_active_pk(key.app_id, key.database) for key in keys}
    return _run_action(
        model_admin, request, keys, lambda key: key.activate_replacing(former[key.pk])
    )


@admin.action(description=_("Retire selected keys…"), permissions=["retire"])
def retire(model_admin: LayerModelAdmin, request: HttpRequest, keys: Keys) -> Response:
    """Ask for confirmation first, because the app is left without an active key."""
    is_active = any(key.state == State.ACTIVE for key in keys)
    if is_active and "post" not in request.POST:
        return _confirm(model_admin, request, keys, "retire", _("Retire signing keys"))
    note = _(
        "Its Layer app has no active key: users get no identity tokens until a key is "
        "activated."
    )
    return _run_action(model_admin, request, keys, SigningKey.retire, note)


@admin.action(
    description=_("Destroy private keys of selected retired keys…"),
    permissions=["destroy"],
)
def destroy(model_admin: LayerModelAdmin, request: HttpRequest, keys: Keys) -> Response:
    """Ask for confirmation first, because this cannot be undone."""
    if "post" not in request.POST:
        return _confirm(
            model_admin, request, keys, "destroy", _("Destroy private keys")
        )
    note = _("Private key destroyed.")
    return _run_action(model_admin, request, keys, SigningKey.destroy_private_key, note)


@admin.action(description=_("Revoke selected keys…"), permissions=["revoke"])
def revoke(model_admin: LayerModelAdmin, request: HttpRequest, keys: Keys) -> Response:
    """Ask for confirmation and a reason first, because this cannot be undone."""
    form = RevokeForm(request.POST if "post" in request.POST else None)
    if not form.is_valid():
        return _confirm(
            model_admin, request, keys, "revoke", _("Revoke signing keys"), form
        )
    reason = form.cleaned_data["reason"]
    note = _("Reason: %(reason)s") % {"reason": reason}
    return _run_action(model_admin, request, keys, lambda key: key.revoke(reason), note)


ACTIONS = (self_test, activate, retire, destroy, revoke)


def _confirm(
    model_admin: LayerModelAdmin,
    request: HttpRequest,
    keys: Keys,
    action: str,
    title: _StrPromise,
    form: Form | None = None,
) -> HttpResponse:
    return model_admin.render(
        request,
        CONFIRMATION.format(action),
        title=title,
        action=action,
        action_checkbox_name=ACTION_CHECKBOX_NAME,
        from_page=FROM_PAGE if FROM_PAGE in request.POST else "",
        form=form,
        keys=[(key, state(key)) for key in keys],
        consequences=_consequences(keys),
    )


def _consequences(keys: Keys) -> list[str]:
    """Say for each Layer app of the keys what happens if none of them signs any more."""
    apps = {key.app_id: key.app for key in keys}
    stored = SigningKey.objects.using(router.db_for_write(SigningKey))
    active = {key.active_for_id: key for key in stored.filter(active_for__in=apps)}
    return [_consequence(app, active.get(pk), keys) for pk, app in apps.items()]


def _consequence(app: LayerApp, active: SigningKey | None, keys: Keys) -> str:
    if not app.enabled or active is None:
        return service(app, active)
    if active in keys:
        return STOPS % {"app": app}
    if active.lacks_encryption_key:
        return service(app, active)
    return GOES_ON % {"app": app, "key": active}


def _run_action(
    model_admin: LayerModelAdmin,
    request: HttpRequest,
    queryset: Keys,
    transition: Transition,
    note: str | _StrPromise = "",
) -> Response:
    """Change each key separately. Redirect to a key's page if it sent the action."""
    keys = list(queryset)
    for key in keys:
        message, level = _apply_to_key(model_admin, request, key, transition, str(note))
        model_admin.message_user(request, message, level)
    if keys and FROM_PAGE in request.POST:
        return model_admin.redirect_to_page_of(keys[0])
    return None


def _apply_to_key(
    model_admin: LayerModelAdmin,
    request: HttpRequest,
    key: SigningKey,
    transition: Transition,
    note: str,
) -> tuple[str, int]:
    """Change a key and its history together; return the message and its level."""
    before, retired = _snapshot(key), None

    def write() -> None:
        nonlocal before, retired
        lock_and_refresh(key)  # it may have changed since the list was read
        before = _snapshot(key)
        if retired := transition(key):
            text = _history_entry(State.ACTIVE, retired, REPLACED_BY % {"key": key})
            model_admin.log_change(request, retired, text)
        if _snapshot(key) != before:
            cause = IN_PLACE_OF % {"key": retired} if retired else note
            model_admin.log_change(request, key, _history_entry(before[0], key, cause))

    try:
        retry_on_conflict(write, using=router.db_for_write(SigningKey))
    except (LayerIdentityError, OperationalError) as exc:
        text = _("The signing key %(key)s was not changed. %(reason)s")
        values = {"key": key, "reason": error_message(exc)}
        return text % values, messages.ERROR
    if _snapshot(key) == before:
        return UNCHANGED[key.state] % {"key": key}, messages.INFO
    if retired:
        note = RETIRED % {"key": retired}
    values = {"key": key, "state": key.state.label, "note": note}
    text = _("The signing key %(key)s is %(state)s. %(note)s")
    return (text % values).strip(), messages.SUCCESS


def _snapshot(key: SigningKey) -> tuple[State, object, object]:
    """Return values whose difference shows that an action changed the key."""
    return key.state, key.tested_at, key.destroyed_at


def _history_entry(former: State, key: SigningKey, note: str = "") -> str:
    text = _("State: %(former)s → %(state)s")
    values = {"former": former.label, "state": key.state.label}
    changed = text % values if key.state != former else ""
    return " – ".join(filter(None, [changed, note]))
