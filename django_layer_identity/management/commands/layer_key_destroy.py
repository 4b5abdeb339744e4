"""``manage.py layer_key_destroy``."""

from __future__ import annotations

from typing import Any

from django_layer_identity.management.base import KeyCommand
from django_layer_identity.models import SigningKey


class Command(KeyCommand):
    help = "Destroy the private key of a retired key, and print its state."

    def change(self, key: SigningKey, **options: Any) -> None:
        key.destroy_private_key()
