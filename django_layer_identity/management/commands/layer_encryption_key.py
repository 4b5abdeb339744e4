"""``manage.py layer_encryption_key``."""

from __future__ import annotations

from typing import Any

from django_layer_identity.keys.encryption import new_encryption_key
from django_layer_identity.management.base import LayerCommand


class Command(LayerCommand):
    help = (
        "Print a new entry for LAYER_IDENTITY['KEY_ENCRYPTION_KEYS']. "
        "Store it before you use it."
    )
    requires_system_checks = []

    def run(self, **options: Any) -> None:
        self.stdout.write(new_encryption_key())
        self.remark(
            "Store this entry before you use it. Keep it as secret as SECRET_KEY, and "
            "separate from the database. If you lose it, the private keys that it "
            "encrypted cannot be decrypted."
        )
