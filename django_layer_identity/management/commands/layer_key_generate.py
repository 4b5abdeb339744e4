"""``manage.py layer_key_generate``."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from django_layer_identity import keyring
from django_layer_identity.management.base import (
    LayerCommand,
    add_app_argument,
    new_key_as_json,
)
from django_layer_identity.models import LayerApp


class Command(LayerCommand):
    help = "Make a key pair and print its public half, to be registered with Layer."

    def add_arguments(self, parser: CommandParser) -> None:
        add_app_argument(parser)
        parser.add_argument("--key-id", help="the ID that Layer gave, if known yet")
        parser.add_argument(
            "--bits",
            type=int,
            default=2048,
            help="2048, 3072 or 4096; default: %(default)s",
        )
        parser.add_argument(
            "--activate", action="store_true", help="sign with it at once"
        )
        parser.add_argument("--json", action="store_true", help="for scripts")

    def run(
        self,
        *,
        app: str | None,
        key_id: str | None,
        bits: int,
        activate: bool,
        json: bool,
        **options: Any,
    ) -> None:
        layer_app = LayerApp.objects.named(app)
        key = keyring.generate_private_key(
            layer_app, bits=bits, key_id=key_id, activate=activate
        )
        self.stdout.write(new_key_as_json(key) if json else key.public_key.rstrip())
        self.remark(
            f"The key is {key.state.label}; its fingerprint is {key.fingerprint}."
        )
