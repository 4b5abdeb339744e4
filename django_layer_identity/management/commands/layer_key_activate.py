"""``manage.py layer_key_activate``."""

from __future__ import annotations

from typing import Any

from django_layer_identity.management.base import KeyCommand
from django_layer_identity.models import SigningKey


class Command(KeyCommand):
    help = "Sign with this key from now on, and print its new state."

    def change(self, key: SigningKey, **options: Any) -> None:
        former = SigningKey.objects.get_active_pk(key.app_id, key.database)
        if retired := key.activate_replacing(former):
            self.remark(f"The key {retired} was retired.")
