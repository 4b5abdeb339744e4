"""``manage.py layer_key_destroy``."""

from __future__ import annotations

from typing import Any

from django_layer_identity.management.base import KeyCommand
from django_layer_identity.models import SigningKey


class Command(KeyCommand):
    help = "Destroy the private key of a retired key, and print its state."

    arguments = ("--app", "--no-input", "key")

    def change(self, key: SigningKey, *, interactive: bool, **options: Any) -> None:
        if key.destroyed_at:
            self.remark("The private key was already destroyed. Nothing was changed.")
        elif key.state == key.State.RETIRED and not key.signer:
            warning = "This cannot be undone: the key can never be activated again."
            self.confirm(warning, interactive=interactive)
        key.destroy_private_key()
