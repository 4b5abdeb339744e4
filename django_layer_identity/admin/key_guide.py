"""The steps from a new key to its first token, shown on the key's page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from django_layer_identity.admin.display import REMEDY

if TYPE_CHECKING:
    from datetime import datetime

    from django.utils.functional import _StrPromise

    from django_layer_identity.models import SigningKey

# Title and text of each step

CREATE = (
    _("Import or generate"),
    _("The private key is stored encrypted and is never shown."),
)
DESTROYED = (CREATE[0], _("The private key was destroyed."))
LOST = (
    _("Restore the private key"),
    format_lazy(
        "{} {}",
        _("The private key cannot be decrypted with the present KEY_ENCRYPTION_KEYS."),
        REMEDY,
    ),
)
LINK = (
    _("Link to the signing backend"),
    _(
        "The private key stays in the signing backend. Only the public key is stored here."
    ),
)
REGISTER = (
    _("Register the public key"),
    _(
        "Enter a key ID. After the self-test, jwks.json has the public key. A verifier that "
        "does not read jwks.json needs a copy of the public key below: compare the "
        "fingerprint there."
    ),
)
REGISTERED = (
    REGISTER[0],
    _(
        "Verifiers need the public key until the last identity token of this key has "
        "expired."
    ),
)
UNREGISTER = (
    REGISTER[0],
    _("Delete the public key from each verifier that has a copy of it."),
)
TEST = (
    _("Self-test"),
    _("Sign a sample with the private key, and verify it with the public key."),
)
TEST_OVER = (TEST[0], _("This key cannot be tested any more."))
ACTIVATE = (
    _("Activate"),
    _(
        "The key then signs the app's identity tokens. The app's previous key is retired, "
        "and can be activated again. The key ID and the app's IDs cannot change afterwards."
    ),
)
ACTIVATED = (
    ACTIVATE[0],
    _("The key was activated, so the key ID and the app's IDs cannot change any more."),
)
NEVER_ACTIVE = (ACTIVATE[0], _("This key can never be activated."))


@dataclass
class Step:
    """One step; ``name`` selects its field or button in the template."""

    name: str
    title: _StrPromise
    text: _StrPromise
    is_done: bool
    done_at: datetime | None = None
    is_next: bool = False

    @property
    def status(self) -> str:
        """The status, which is also the last part of the CSS class."""
        return "done" if self.is_done else "next" if self.is_next else "later"


def steps(key: SigningKey) -> list[Step]:
    """Return the four steps. Unless the key is revoked, the first open step is next."""
    create, register, test, activate = _texts(key)
    has_id = key.key_id is not None
    tested_at = key.tested_at if has_id else None
    activated_at = key.activated_at
    all_steps = [
        Step("create", *create, not key.lacks_encryption_key, key.created_at),
        Step("register", *register, has_id),
        Step("test", *test, tested_at is not None, tested_at),
        Step("activate", *activate, activated_at is not None, activated_at),
    ]
    open_steps = [step for step in all_steps if not step.is_done]
    if open_steps and key.revoked_at is None:
        open_steps[0].is_next = True
    return all_steps


def _texts(key: SigningKey) -> list[tuple[_StrPromise, _StrPromise]]:
    """Return title and text of each step, as they are true in the key's state."""
    create, register, test, activate = CREATE, REGISTER, TEST, ACTIVATE
    if key.activated_at:
        register, activate = REGISTERED, ACTIVATED
    if key.destroyed_at or key.revoked_at:
        create, test = DESTROYED, TEST_OVER
        activate = ACTIVATED if key.activated_at else NEVER_ACTIVE
    if key.revoked_at:
        register = UNREGISTER
    if key.signer:
        create = LINK
    elif key.lacks_encryption_key:
        create = LOST
    return [create, register, test, activate]
