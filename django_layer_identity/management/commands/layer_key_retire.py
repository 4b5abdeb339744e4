"""``manage.py layer_key_retire``."""

from __future__ import annotations

from typing import Any

from django_layer_identity.management.base import KeyCommand, what_stops
from django_layer_identity.models import SigningKey


class Command(KeyCommand):
    help = "Stop signing with this key, and print its new state."
    arguments = ("--app", "--no-input", "key")

    def change(self, key: SigningKey, *, interactive: bool, **options: Any) -> None:
        if key.state == key.State.ACTIVE:
            self.confirm(what_stops(key), interactive=interactive)
        key.retire()
