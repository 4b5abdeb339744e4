"""How Layer apps and signing keys are shown: states in colour and words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from django_layer_identity.models import LayerApp, LayerUser, SigningKey

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise
    from django.utils.safestring import SafeString

State = SigningKey.State

NEXT_STEPS = {
    State.DRAFT: _(
        "Register this public key in Layer's dashboard (a key that was imported from "
        "there is registered already), then enter the key ID that it gives."
    ),
    State.READY: _(
        "Activate it: identity tokens are signed with it from then on, and the app's "
        "former key retires."
    ),
    State.ACTIVE: _("Nothing: identity tokens are signed with this key."),
    State.RETIRED: _(
        "Nothing, or activate it again to go back to it; revoke it if anybody else may "
        "have its private half."
    ),
    State.REVOKED: _(
        "Delete its public key in Layer's dashboard as well, so that Layer refuses "
        "every token that was signed with it."
    ),
}


def _badge(kind: str, label: str | _StrPromise) -> SafeString:
    return format_html('<span class="layer-state layer-{}">{}</span>', kind, label)


@admin.display(description=_("state"))
def state(key: SigningKey) -> SafeString:
    return _badge(key.state.value, key.state.label)


@admin.display(description=_("signing key"))
def active_key(app: LayerApp) -> SafeString:
    key = getattr(app, "active_key", None)
    return state(key) if key else _badge("none", _("none is active"))


@admin.display(description=_("next step"))
def next_step(key: SigningKey) -> _StrPromise:
    return NEXT_STEPS[key.state]


@admin.display(description=_("fingerprint"), ordering="fingerprint")
def short_fingerprint(key: SigningKey) -> SafeString:
    return format_html("<code>{}…</code>", key.fingerprint[:16])


@admin.display(description=_("fingerprint (SHA-256)"))
def grouped_fingerprint(key: SigningKey) -> SafeString:
    """All 64 digits, by fours, so that two people can compare them."""
    groups = [key.fingerprint[at : at + 4] for at in range(0, 64, 4)]
    return format_html('<code class="layer-digits">{}</code>', " ".join(groups))


@admin.display(description=_("public key"))
def public_pem(key: SigningKey) -> SafeString:
    return format_html('<pre class="layer-pem">{}</pre>', key.public_key)


@admin.display(description=_("Layer user ID"))
def layer_user_id(entry: LayerUser) -> str:
    """The ID, or what is left of it."""
    if entry.user_id:
        return entry.user_id
    return format_html("<code>{}…</code> {}", entry.digest[:16], _("(text cleared)"))


@admin.display(description=_("state"))
def layer_user_state(entry: LayerUser) -> SafeString:
    if entry.owner_id is None:
        return _badge("none", _("its user was deleted"))
    if entry.current_for_id is None:
        return _badge("retired", _("former"))
    return _badge("active", _("current"))


@admin.display(description=_("since"))
def since(entry: LayerUser) -> Any:
    return entry.since
