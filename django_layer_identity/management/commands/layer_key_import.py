"""``manage.py layer_key_import``."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.views.decorators.debug import sensitive_variables

from django_layer_identity.management.base import (
    LayerCommand,
    add_app_argument,
    read_secret_file,
)
from django_layer_identity.models import LayerApp, SigningKey


class Command(LayerCommand):
    help = "Take in the private key that Layer's dashboard showed once."

    def add_arguments(self, parser: CommandParser) -> None:
        add_app_argument(parser)
        parser.add_argument(
            "--key-id", help="the ID that Layer's dashboard shows for it"
        )
        parser.add_argument(
            "--activate", action="store_true", help="sign with it at once"
        )
        parser.add_argument("file", metavar="FILE", help="PEM; - for standard input")

    @sensitive_variables("text")
    def run(
        self,
        *,
        app: str | None,
        key_id: str | None,
        activate: bool,
        file: str,
        **options: Any,
    ) -> None:
        layer_app = LayerApp.objects.named(app)
        text = read_secret_file(file)
        key = SigningKey.objects.import_private_key(
            layer_app, text, key_id=key_id, activate=activate
        )
        self.stdout.write(key.fingerprint)
        self.remark(f"The key is {key.state.label}. Delete the file it came from.")
