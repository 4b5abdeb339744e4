"""``manage.py layer_key_set_id``."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from django_layer_identity.management.base import KeyCommand
from django_layer_identity.models import SigningKey


class Command(KeyCommand):
    help = "Enter the ID of a key, test it, and print its new state."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "key_id",
            metavar="ID",
            help="a UUID that you make up, or the one from Layer's dashboard",
        )

    def change(self, key: SigningKey, *, key_id: str, **options: Any) -> None:
        key.set_key_id(key_id)
        key.run_self_test()
