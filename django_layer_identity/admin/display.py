"""Columns and read-only fields of the admin pages."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.timesince import timesince
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from django_layer_identity.models import LayerApp, LayerUser, SigningKey

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise
    from django.utils.safestring import SafeString

State = SigningKey.State
REMEDY = _(
    "Put the entry that encrypted it back into the list. If that entry is lost, import the "
    "same private key again. If the private key is lost too, activate another key."
)
IMPORT_AGAIN = _("Import the key again")
#: States of keys that can become active, the best first. Each has the permission for the
#: next step and the text of the link to the key's page.
NEXT_STEPS = (
    (State.READY, "activate_signingkey", _("Activate a key")),
    (State.RETIRED, "activate_signingkey", _("Activate a retired key again")),
    (State.DRAFT, "change_signingkey", _("Continue with a draft key")),
)


def badge(kind: str, label: str | _StrPromise) -> SafeString:
    return format_html('<span class="layer-state layer-{}">{}</span>', kind, label)


@admin.display(description=_("state"))
def state(key: SigningKey) -> SafeString:
    """Show the state, and whether the private key is lost or was destroyed."""
    if key.lacks_encryption_key:
        lost = badge("none", _("cannot be decrypted"))
        return format_html("{} {}", badge("lost", key.state.label), lost)
    if key.state == State.RETIRED and key.destroyed_at:
        destroyed = badge("none", _("destroyed"))
        return format_html("{} {}", badge(key.state.value, key.state.label), destroyed)
    return badge(key.state.value, key.state.label)


def active_key_state(app: LayerApp, key: SigningKey | None) -> SafeString:
    """Show the state of the active key, or why the app's users get no tokens."""
    if not app.enabled:
        return badge("disabled", _("app disabled"))
    return state(key) if key else badge("none", _("no active key"))


@admin.display(description=_("age"), ordering="created_at")
def age(key: SigningKey) -> str:
    return timesince(key.created_at, depth=1)


@admin.display(description=_("last use"), ordering="last_used_at")
def last_use(key: SigningKey) -> str | _StrPromise:
    """Show when the key last signed; recorded at most once in ten minutes."""
    if key.last_used_at is None:
        return _("never")
    return _("%(time)s ago") % {"time": timesince(key.last_used_at, depth=1)}


@admin.display(description=_("private key"))
def private_key_location(key: SigningKey) -> str | _StrPromise:
    """Show where the private key is stored, or that it was destroyed."""
    if key.destroyed_at:
        return _("destroyed")
    if key.signer:
        return _("in the signing backend “%(alias)s”") % {"alias": key.signer}
    return _("encrypted in the database")


@admin.display(description=_("fingerprint"), ordering="fingerprint")
def short_fingerprint(key: SigningKey) -> SafeString:
    return format_html("<code>{}…</code>", key.fingerprint[:16])


@admin.display(description=_("fingerprint (SHA-256)"))
def grouped_fingerprint(key: SigningKey) -> SafeString:
    """Show all 64 digits in groups of four, so that people can compare them."""
    groups = [key.fingerprint[at : at + 4] for at in range(0, 64, 4)]
    return format_html('<code class="layer-digits">{}</code>', " ".join(groups))


@admin.display(description=_("public key"))
def public_pem(key: SigningKey) -> SafeString:
    return format_html(
        # The address is relative, because the admin site may have any name.
        '<pre class="layer-pem" tabindex="0">{}</pre><a href="../public.pem" download>{}</a>',
        key.public_key,
        _("Download the public key (PEM)"),
    )


@admin.display(description=_("Layer user ID"))
def layer_user_id(entry: LayerUser) -> str:
    """Show the ID, or the start of its digest if the text was cleared."""
    if entry.user_id:
        return entry.user_id
    return format_html("<code>{}…</code> {}", entry.digest[:16], _("(only the digest)"))


@admin.display(description=_("state"))
def layer_user_state(entry: LayerUser) -> SafeString:
    if entry.owner_id is None:
        return badge("none", _("user deleted"))
    if entry.current_for_id is None:
        return badge("retired", _("former"))
    return badge("active", _("current"))


@admin.display(description=_("since"))
def since(entry: LayerUser) -> Any:
    return entry.since


def in_minutes(duration: timedelta) -> str:
    """Return a duration as a number of minutes, in Django's language."""
    minutes = round(duration / timedelta(minutes=1), 2)
    is_whole = minutes.is_integer()
    shown = number_format(int(minutes) if is_whole else minutes)
    text = ngettext("%(n)s minute", "%(n)s minutes", int(minutes) if is_whole else 2)
    return text % {"n": shown}


@admin.display(description=_("token lifetime"))
def lifetime_with_unit(app: LayerApp) -> str | _StrPromise:
    if app.token_lifetime is None:
        return _("that of the setting TOKEN_LIFETIME")
    return in_minutes(app.token_lifetime)


def service(app: LayerApp, active: SigningKey | None) -> str:
    """Say which key signs the app's identity tokens, or why none does."""
    if not app.enabled:
        text = _("%(app)s is disabled: its users get no identity tokens.")
    elif active is None:
        text = _("%(app)s has no active key: its users get no identity tokens.")
    elif active.lacks_encryption_key:
        text = _(
            "%(app)s's users get no identity tokens: the private key of the active key "
            "cannot be decrypted with the present KEY_ENCRYPTION_KEYS."
        )
    else:
        text = _("%(app)s signs its identity tokens with the key %(key)s.")
    return text % {"app": app, "key": active}
