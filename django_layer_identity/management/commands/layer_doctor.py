"""``manage.py layer_doctor``."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from django_layer_identity.doctor import ERROR, OK, SEVERITIES, WARNING, run_checks
from django_layer_identity.management.base import FindingCommand, Found


class Command(FindingCommand):
    help = (
        "Examine whether this installation is ready to issue identity tokens. Nothing "
        "is changed. The exit status is 1 if a check finds an error, and 2 if the command "
        "fails."
    )
    arguments = ("--app", "--json")

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--fail-level",
            type=str.lower,
            choices=SEVERITIES[1:],
            default=ERROR,
            help="the severity from which on the command fails (default: error)",
        )

    def run(
        self, *, app: str | None, json: bool, fail_level: str, **options: Any
    ) -> None:
        findings = run_checks(app=app)
        if json:
            self.print_json(findings)
        else:
            for finding in findings:
                self._print(finding.id, finding.severity, finding.message)
                if finding.hint:
                    self.stdout.write(f"         {finding.hint}")
        limit = SEVERITIES.index(fail_level)
        failed = [f.id for f in findings if SEVERITIES.index(f.severity) >= limit]
        if failed:
            names = ", ".join(dict.fromkeys(failed))
            raise Found(f"This installation has problems: {names}.")

    def _print(self, id: str, severity: str, message: str) -> None:
        style = {OK: self.style.SUCCESS, WARNING: self.style.WARNING}
        color = style.get(severity, self.style.ERROR)
        self.stdout.write(f"{color(f'{severity:7}')}  {id}: {message}")
