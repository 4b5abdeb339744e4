"""``manage.py layer_key_import``."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
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
        parser.add_argument(
            "--signer",
            metavar="ALIAS",
            help="in place of FILE: the private key stays where SIGNERS says it is",
        )
        parser.add_argument(
            "file", metavar="FILE", nargs="?", help="PEM; - for standard input"
        )

    def run(
        self,
        *,
        app: str | None,
        key_id: str | None,
        activate: bool,
        signer: str | None,
        file: str | None,
        **options: Any,
    ) -> None:
        if (file is None) == (signer is None):
            raise CommandError("Name either FILE or --signer ALIAS.")
        layer_app = LayerApp.objects.named(app)
        how: dict[str, Any] = {"key_id": key_id, "activate": activate}
        if signer is not None:
            key = SigningKey.objects.import_from_signer(layer_app, signer, **how)
            remark = f"Its public half, for Layer:\n{key.public_key.rstrip()}"
        else:
            key = _import_file(layer_app, str(file), **how)
            remark = "Delete the file it came from."
        self.stdout.write(key.fingerprint)
        self.remark(f"The key is {key.state.label}. {remark}")


@sensitive_variables()
def _import_file(app: LayerApp, file: str, **options: Any) -> SigningKey:
    text = read_secret_file(file)
    return SigningKey.objects.import_private_key(app, text, **options)
