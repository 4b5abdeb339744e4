"""``manage.py layer_key_revoke``."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from django_layer_identity.management.base import (
    LayerCommand,
    add_key_argument,
    find_key,
)


class Command(LayerCommand):
    help = "Give a key up for good and destroy its private half; prints its new state."

    def add_arguments(self, parser: CommandParser) -> None:
        add_key_argument(parser)
        parser.add_argument(
            "--reason", required=True, help="for the people who look at it later"
        )

    def run(self, *, key: str, app: str | None, reason: str, **options: Any) -> None:
        signing_key = find_key(key, app)
        signing_key.revoke(reason)
        self.stdout.write(signing_key.state.value)
        self.remark(
            "Delete its public half in Layer's dashboard too: tokens that it signed live "
            "on until they expire."
        )
