"""``manage.py layer_key_list``."""

from __future__ import annotations

from datetime import datetime
from json import dumps
from typing import Any

from django.db import router
from django.utils import timezone

from django_layer_identity.keys.encryption import HOW_TO_READ_AGAIN
from django_layer_identity.management.base import LayerCommand
from django_layer_identity.models import LayerApp, SigningKey

TIMES = (
    *("created_at", "tested_at", "activated_at", "last_used_at", "retired_at"),
    *("revoked_at", "destroyed_at"),
)
COLUMNS = ("STATE", "KEY ID", "FINGERPRINT", "BITS", "APP", "AGE", "LAST USED")


class Command(LayerCommand):
    help = (
        "List the signing keys: state, key ID, fingerprint, Layer app, age, last use."
    )
    arguments = ("--app", "--json")

    def run(self, *, app: str | None, json: bool, **options: Any) -> None:
        keys = SigningKey.objects.using(router.db_for_write(SigningKey))
        keys = keys.select_related("app").order_by("app_id", "pk")
        if app is not None:
            keys = keys.filter(app=LayerApp.objects.get_by_app_id(app))
        for key in keys:
            if key.lacks_encryption_key:
                self.remark(
                    f"The key {key} ({key.app}, {key.state.label}) cannot be decrypted "
                    "with the present KEY_ENCRYPTION_KEYS, so it cannot sign. "
                    f"{HOW_TO_READ_AGAIN}"
                )
        if json:
            self.stdout.write(dumps([_facts(key) for key in keys], indent=2))
        else:
            self.stdout.write(_table([COLUMNS, *map(_row, keys)]))


def _facts(key: SigningKey) -> dict[str, Any]:
    return {
        "state": key.state.value,
        "key_id": str(key.identifier) if key.identifier else None,
        "fingerprint": key.fingerprint,
        "bits": key.bits,
        "app_id": str(key.app.identifier),
        "signer": key.signer or None,
        "lacks_encryption_key": key.lacks_encryption_key,
        **{name: _iso(getattr(key, name)) for name in TIMES},
        "revocation_reason": key.revocation_reason or None,
    }


def _iso(time: datetime | None) -> str | None:
    return time.isoformat(timespec="seconds") if time else None


def _row(key: SigningKey) -> tuple[str, ...]:
    days = (timezone.now() - key.created_at).days
    return (
        f"{key.state.value} (destroyed)" if key.destroyed_at else key.state.value,
        str(key.identifier or "-"),
        key.fingerprint[:16],
        str(key.bits),
        str(key.app.identifier),
        "1 day" if days == 1 else f"{days} days",
        _iso(key.last_used_at) or "-",
    )


def _table(lines: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    )
