"""``manage.py layer_user_import``."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import CommandParser

from django_layer_identity.ledger_import import import_user_ids
from django_layer_identity.management.base import LayerCommand, open_text
from django_layer_identity.management.progress import Progress
from django_layer_identity.models import LayerApp


class Command(LayerCommand):
    help = (
        "Import Layer user IDs that are already in use. The CSV file has a user and a "
        "Layer user ID in each line. Import all lines, or nothing."
    )
    arguments = ("--app",)

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="report every problem, and change nothing",
        )
        parser.add_argument(
            "--exact",
            action="store_true",
            help="import IDs as they are, also those that look like typing errors",
        )
        parser.add_argument(
            "file", metavar="FILE", help="a path, or - for standard input"
        )

    def run(
        self,
        *,
        app: str | None,
        dry_run: bool,
        exact: bool,
        file: str,
        **options: Any,
    ) -> None:
        layer_app = LayerApp.objects.get_by_app_id(app)
        with open_text(file) as lines, Progress(sys.stderr) as progress:

            def on_problem(line: int, problem: str) -> None:
                progress.clear()
                self.remark(f"line {line}: {problem}")

            count = import_user_ids(
                layer_app,
                lines,
                dry_run=dry_run,
                exact=exact,
                on_problem=on_problem,
                progress=progress,
            )
        self.stdout.write(f"{count} {'can be imported' if dry_run else 'imported'}")
