"""``manage.py layer_key_revoke``."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from django_layer_identity.management.base import KeyCommand, what_stops
from django_layer_identity.models import SigningKey
from django_layer_identity.models.reasons import clean_reason


class Command(KeyCommand):
    help = "Revoke a key permanently, destroy its private key, and print its new state."
    arguments = ("--app", "--no-input", "key")
    consequence = (
        "Delete its public key from each verifier that has a copy of it: otherwise the "
        "tokens that it signed are accepted until they expire."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--reason", required=True, help="stored with the key")

    def change(
        self, key: SigningKey, *, reason: str, interactive: bool, **options: Any
    ) -> None:
        reason = clean_reason(reason)  # before the question
        if key.state != key.State.REVOKED:
            warning = f"Revoking a key cannot be undone. {what_stops(key)}"
            self.confirm(warning, interactive=interactive)
        key.revoke(reason)
