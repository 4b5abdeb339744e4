"""``manage.py layer_token_explain``."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from django_layer_identity.management.base import (
    FindingCommand,
    Found,
    read_secret_file,
)
from django_layer_identity.models import LayerApp
from django_layer_identity.models.registrations import load_registrations
from django_layer_identity.protocol.explain import ERROR


class Command(FindingCommand):
    help = (
        "Say why Layer would refuse an identity token: every problem, with what to do. "
        "The exit status is 0 if Layer would accept it, 1 if not, and 2 for any other "
        "failure."
    )
    arguments = ("--app", "--json")

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--nonce", help="the nonce that the client got from Layer")
        parser.add_argument(
            "file", metavar="FILE", help="file with the token, or - for standard input"
        )

    def run(
        self,
        *,
        file: str,
        app: str | None,
        nonce: str | None,
        json: bool,
        **options: Any,
    ) -> None:
        layer_app = None if app is None else LayerApp.objects.get_by_app_id(app)
        registrations = load_registrations()
        inspection = registrations.inspect(_read_token(file), layer_app, nonce)
        findings = list(inspection.run())
        if json:
            self.print_json(findings)
        else:
            for finding in findings:
                style = (
                    self.style.ERROR
                    if finding.severity == ERROR
                    else self.style.WARNING
                )
                self.stdout.write(f"{style(finding.severity)}: {finding.message}")
                self.stdout.write(f"  {finding.hint} ({finding.code})")
        if any(finding.severity == ERROR for finding in findings):
            raise Found("Layer would refuse this token.")
        self.remark("Layer would accept this token.")


def _read_token(file: str) -> str:
    content = read_secret_file(file, label="FILE")
    text = content.decode(errors="replace") if isinstance(content, bytes) else content
    # Editors add a byte order mark and a line break to a file, which nobody sends.
    return text.removeprefix("\ufeff").removesuffix("\n").removesuffix("\r")
