"""``manage.py layer_audit_purge``."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error
from django.utils import timezone

from django_layer_identity.audit.models import AuditEntry


class Command(BaseCommand):
    help = "Delete the audit entries that are older than DAYS, and print their number."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--older-than",
            metavar="DAYS",
            type=_days,
            required=True,
            help="a whole number of days, from 1 to 36500",
        )

    def handle(self, *, older_than: int | str, **options: Any) -> None:
        # call_command() checks the value, and then passes it as it is.
        before = timezone.now() - timedelta(days=int(older_than))
        try:
            count = AuditEntry.objects.purge(before=before)
        except Error as exc:
            raise CommandError(
                "The database is busy or unreachable. Some entries may have been deleted. "
                f"Run the command again to delete the others. Reason: {exc}"
            ) from exc
        self.stdout.write(str(count))


def _days(text: str) -> int:
    if not (text.isdecimal() and text.isascii() and 0 < int(text) <= 36500):
        # Do not repeat the value: it may be a private key that was pasted by mistake.
        raise ArgumentTypeError("must be a whole number of days from 1 to 36500")
    return int(text)
