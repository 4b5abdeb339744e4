"""``manage.py layer_key_generate``."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from django_layer_identity import keyring
from django_layer_identity.management.base import (
    LayerCommand,
    new_key_as_json,
    what_is_next,
)
from django_layer_identity.models import LayerApp


class Command(LayerCommand):
    help = "Generate a key pair and print the public key."
    arguments = ("--app", "--key-id", "--activate", "--json")

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--bits",
            type=int,
            default=2048,
            help="2048, 3072 or 4096; default: %(default)s",
        )

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
        layer_app = LayerApp.objects.get_by_app_id(app)
        key = keyring.generate_private_key(
            layer_app, bits=int(bits), key_id=key_id, activate=activate
        )
        self.stdout.write(new_key_as_json(key) if json else key.public_key.rstrip())
        self.remark(f"Fingerprint: {key.fingerprint}. {what_is_next(key)}")
