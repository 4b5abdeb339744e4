"""``manage.py layer_key_reencrypt``."""

from __future__ import annotations

import sys
from dataclasses import asdict
from json import dumps
from typing import Any

from django.core.management.base import CommandError

from django_layer_identity.keyring import reencrypt_private_keys
from django_layer_identity.management.base import LayerCommand
from django_layer_identity.management.progress import Progress


class Command(LayerCommand):
    help = (
        "Encrypt every stored private key with the first entry of "
        "LAYER_IDENTITY['KEY_ENCRYPTION_KEYS']. If it is interrupted, run it again."
    )
    arguments = ("--json",)

    def run(self, *, json: bool, **options: Any) -> None:
        with Progress(sys.stderr) as progress:
            done = reencrypt_private_keys(progress)
        summary = (
            f"{done.reencrypted} re-encrypted, {done.unchanged} unchanged, "
            f"{len(done.failures)} failed"
        )
        self.stdout.write(dumps(asdict(done), indent=2) if json else summary)
        if done.failures:
            raise CommandError("\n".join(done.failures))
