"""``manage.py layer_key_revoke``."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from django_layer_identity.management.base import KeyCommand
from django_layer_identity.models import SigningKey


class Command(KeyCommand):
    help = "Give a key up for good and destroy its private half; prints its new state."
    consequence = (
        "Delete its public half in Layer's dashboard too: tokens that it signed live on "
        "until they expire."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--reason", required=True, help="for the people who look at it later"
        )

    def change(self, key: SigningKey, *, reason: str, **options: Any) -> None:
        key.revoke(reason)
