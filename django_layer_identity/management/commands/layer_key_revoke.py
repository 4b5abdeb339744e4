"""``manage.py layer_key_revoke``."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from django_layer_identity.management.base import KeyCommand
from django_layer_identity.models import SigningKey


class Command(KeyCommand):
    help = "Revoke a key permanently, destroy its private key, and print its new state."
    consequence = (
        "Delete its public key in Layer's dashboard too: Layer accepts tokens that it "
        "signed until they expire."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--reason", required=True, help="stored with the key")

    def change(self, key: SigningKey, *, reason: str, **options: Any) -> None:
        key.revoke(reason)
