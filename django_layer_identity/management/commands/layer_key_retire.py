"""``manage.py layer_key_retire``."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from django_layer_identity.management.base import (
    LayerCommand,
    add_key_argument,
    find_key,
)


class Command(LayerCommand):
    help = "Sign with this key no longer; prints its new state."

    def add_arguments(self, parser: CommandParser) -> None:
        add_key_argument(parser)

    def run(self, *, key: str, app: str | None, **options: Any) -> None:
        signing_key = find_key(key, app)
        signing_key.retire()
        self.stdout.write(signing_key.state.value)
        self.remark("The app has no active key now: its users get no tokens.")
