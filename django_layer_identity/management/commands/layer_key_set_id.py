"""``manage.py layer_key_set_id``."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from django_layer_identity.management.base import (
    LayerCommand,
    add_key_argument,
    find_key,
)


class Command(LayerCommand):
    help = (
        "Enter the key ID that Layer gave and test the key; prints the key's new state."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_key_argument(parser)
        parser.add_argument("key_id", metavar="ID", help="from Layer's dashboard")

    def run(self, *, key: str, app: str | None, key_id: str, **options: Any) -> None:
        signing_key = find_key(key, app)
        signing_key.set_key_id(key_id)
        signing_key.run_self_test()
        self.stdout.write(signing_key.state.value)
