"""``manage.py layer_key_list``."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser

from django_layer_identity.management.base import LayerCommand, add_app_argument
from django_layer_identity.models import LayerApp, SigningKey


class Command(LayerCommand):
    help = "List the signing keys: state, key ID, fingerprint, Layer app, creation."

    def add_arguments(self, parser: CommandParser) -> None:
        add_app_argument(parser)
        parser.add_argument("--json", action="store_true", help="for scripts")

    def run(self, *, app: str | None, json: bool, **options: Any) -> None:
        keys = SigningKey.objects.select_related("app").order_by("app_id", "pk")
        if app is not None:
            keys = keys.filter(app=LayerApp.objects.named(app))
        rows = [_row(key) for key in keys]
        self.stdout.write(_as_json(rows) if json else _as_table(rows))


def _row(key: SigningKey) -> dict[str, Any]:
    return {
        "state": key.state.value,
        "key_id": str(key.identifier) if key.identifier else None,
        "fingerprint": key.fingerprint,
        "bits": key.bits,
        "app_id": str(key.app.identifier),
        "created_at": key.created_at.isoformat(timespec="seconds"),
    }


def _as_json(rows: list[dict[str, Any]]) -> str:
    return json.dumps(rows, indent=2)


def _as_table(rows: list[dict[str, Any]]) -> str:
    head = ("STATE", "KEY ID", "FINGERPRINT", "BITS", "APP", "CREATED")
    lines = [head]
    for row in rows:
        shown = {
            **row,
            "fingerprint": row["fingerprint"][:16],
            "key_id": row["key_id"] or "-",
        }
        lines.append(tuple(str(value) for value in shown.values()))  # type: ignore[arg-type]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    )
