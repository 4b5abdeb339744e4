"""The steps from a new key to its first token, shown on the key's page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

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
LINK = (
    _("Link to the signing backend"),
    _(
        "The private key stays in the signing backend. Only the public key is stored here."
    ),
)
REGISTER = (
    _("Register the public key with Layer"),
    _(
        "Copy the public key below into Layer's dashboard. Compare the fingerprint. Then "
        "enter the key ID that the dashboard shows. If the private key came from the "
        "dashboard, the dashboard already shows its key ID."
    ),
)
TEST = (
    _("Self-test"),
    _("Sign a sample with the private key, and verify it with the public key."),
)
ACTIVATE = (
    _("Activate"),
    _(
        "The key then signs the app's identity tokens. The app's previous key is retired, "
        "and can be activated again. The key ID and the app's IDs cannot change afterwards."
    ),
)


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
    create = LINK if key.signer else DESTROYED if key.destroyed_at else CREATE
    has_id = key.key_id is not None
    tested_at = key.tested_at if has_id else None
    activated_at = key.activated_at
    all_steps = [
        Step("create", *create, True, key.created_at),
        Step("register", *REGISTER, has_id),
        Step("test", *TEST, tested_at is not None, tested_at),
        Step("activate", *ACTIVATE, activated_at is not None, activated_at),
    ]
    open_steps = [step for step in all_steps if not step.is_done]
    if open_steps and key.revoked_at is None:
        open_steps[0].is_next = True
    return all_steps
