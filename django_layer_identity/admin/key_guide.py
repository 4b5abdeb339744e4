"""A key's way from the outside to its first token, as steps on its page."""

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
    _("The private half is stored encrypted and never shown."),
)
CREATE_AT_SIGNER = (
    CREATE[0],
    _("The private half stays with its signer and never comes here."),
)
REGISTER = (
    _("Register the public half with Layer"),
    _(
        "Copy the public key below into Layer's dashboard, compare the fingerprint, and "
        "enter the key ID that it gives. A key imported from there has its ID already."
    ),
)
TEST = (
    _("Self-test"),
    _("Sign with the private half and verify with the public one."),
)
ACTIVATE = (
    _("Activate"),
    _(
        "Identity tokens are signed with it from then on; the app's former key retires "
        "in the same moment, and can be activated again. The app's IDs and this key ID "
        "stay as they are from then on."
    ),
)


@dataclass
class Step:
    """One thing to do; ``name`` says which button belongs to it."""

    name: str
    title: _StrPromise
    text: _StrPromise
    is_done: bool
    done_at: datetime | None = None
    is_next: bool = False

    @property
    def status(self) -> str:
        """What the page's styles call it."""
        return "done" if self.is_done else "next" if self.is_next else "later"


def steps(key: SigningKey) -> list[Step]:
    """Return the four steps; the first that is not done is next, while a key lives."""
    create = CREATE_AT_SIGNER if key.signer else CREATE
    has_id = key.key_id is not None
    tested_at = key.tested_at if has_id else None
    activated_at = key.activated_at
    found = [
        Step("create", *create, True, key.created_at),
        Step("register", *REGISTER, has_id),
        Step("test", *TEST, tested_at is not None, tested_at),
        Step("activate", *ACTIVATE, activated_at is not None, activated_at),
    ]
    open_steps = [step for step in found if not step.is_done]
    if open_steps and key.revoked_at is None:
        open_steps[0].is_next = True
    return found
