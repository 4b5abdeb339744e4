"""``manage.py layer_key_retire``."""

from __future__ import annotations

from typing import Any

from django_layer_identity.management.base import KeyCommand
from django_layer_identity.models import SigningKey


class Command(KeyCommand):
    help = "Stop signing with this key, and print its new state."
    consequence = (
        "The app has no active key now: its users get no tokens until you activate one."
    )

    def change(self, key: SigningKey, **options: Any) -> None:
        key.retire()
