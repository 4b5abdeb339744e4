"""``manage.py layer_key_import``."""

from __future__ import annotations

import sys
from functools import partial
from getpass import getpass
from typing import Any

from django.core.management.base import CommandError, CommandParser

from django_layer_identity import keyring
from django_layer_identity.exceptions import PassphraseNeeded
from django_layer_identity.keys.secrets import hide_locals
from django_layer_identity.management.base import (
    LayerCommand,
    new_key_as_json,
    read_secret_file,
    what_is_next,
)
from django_layer_identity.models import LayerApp, SigningKey

FILE_LABEL = "The file of --passphrase-file"


class Command(LayerCommand):
    help = (
        "Import the private key that Layer's dashboard showed once. A stored private key "
        "that cannot be decrypted any more is stored again."
    )
    arguments = ("--app", "--key-id", "--activate", "--json")

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--signer",
            metavar="ALIAS",
            help="instead of FILE: link a key in this signing backend of SIGNERS",
        )
        parser.add_argument(
            "--passphrase-file",
            metavar="FILE",
            help="file with the passphrase of an encrypted key; - for standard input; "
            "without this option, the command asks for it on a terminal",
        )
        parser.add_argument(
            "file", metavar="FILE", nargs="?", help="PEM or DER; - for standard input"
        )

    def run(
        self,
        *,
        app: str | None,
        key_id: str | None,
        activate: bool,
        signer: str | None,
        passphrase_file: str | None,
        json: bool,
        file: str | None,
        **options: Any,
    ) -> None:
        if (file is None) == (signer is None):
            raise CommandError("Give either FILE or --signer ALIAS.")
        layer_app = LayerApp.objects.get_by_app_id(app)
        how: dict[str, Any] = {"key_id": key_id, "activate": activate}
        if signer is not None:
            key = keyring.link_remote_key(layer_app, signer, **how)
            remark = f"Its public key:\n{key.public_key.rstrip()}"
        else:
            key = _import_file(layer_app, str(file), passphrase_file, **how)
            remark = "Delete the file that you imported."
            if key.was_stored_again:
                remark = f"Its private key was stored again. {remark}"
        self.stdout.write(new_key_as_json(key) if json else key.fingerprint)
        self.remark(f"{what_is_next(key)} {remark}")


@hide_locals
def _import_file(
    app: LayerApp, file: str, passphrase_file: str | None, **options: Any
) -> SigningKey:
    if file == passphrase_file == "-":
        raise CommandError(
            "Standard input can be either the key or the passphrase, not both."
        )
    data = read_secret_file(file)
    import_key = partial(keyring.import_private_key, app, data, **options)
    try:
        return import_key(passphrase=_read_passphrase(passphrase_file))
    except PassphraseNeeded as exc:
        if passphrase_file:
            raise CommandError(f"{FILE_LABEL} is empty.") from exc
        if not sys.stdin.isatty():
            raise CommandError(
                "This private key is encrypted. Use --passphrase-file to name the file "
                "that holds its passphrase."
            ) from exc
        return import_key(passphrase=getpass("Passphrase of the private key: "))


def _read_passphrase(name: str | None) -> str | None:
    if name is None:
        return None
    content = read_secret_file(name, label=FILE_LABEL)
    try:
        text = content if isinstance(content, str) else content.decode()
    except UnicodeDecodeError:
        raise CommandError(f"{FILE_LABEL} is not text in UTF-8.") from None
    return text.strip()
