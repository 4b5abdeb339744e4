"""``manage.py layer_token_issue``."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from django_layer_identity.exceptions import AppIDRequired
from django_layer_identity.issuing import issue_identity_token
from django_layer_identity.management.base import LayerCommand
from django_layer_identity.mapping.users import find_user
from django_layer_identity.models.app import SEVERAL_APPS


class Command(LayerCommand):
    help = "Print an identity token for a user, for debugging. It is recorded like any other."
    arguments = ("--app", "user")

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--nonce", required=True, help="the nonce that Layer gave")

    def run(self, *, app: str | None, nonce: str, user: str, **options: Any) -> None:
        try:
            token = issue_identity_token(find_user(user), nonce, app=app)
        except AppIDRequired as exc:  # its text is for clients
            raise CommandError(SEVERAL_APPS) from exc
        self.stdout.write(token.token)
