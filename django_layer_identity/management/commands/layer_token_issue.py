"""``manage.py layer_token_issue``."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from django_layer_identity.issuing import issue_identity_token
from django_layer_identity.management.base import LayerCommand, add_app_argument
from django_layer_identity.mapping.users import find_user


class Command(LayerCommand):
    help = "Print an identity token for a user, for debugging. It leaves a trace."

    def add_arguments(self, parser: CommandParser) -> None:
        add_app_argument(parser)
        parser.add_argument("--nonce", required=True, help="what Layer gave")
        parser.add_argument("user", metavar="USER", help="the natural key: a username")

    def run(self, *, app: str | None, nonce: str, user: str, **options: Any) -> None:
        token = issue_identity_token(find_user(user), nonce, app=app)
        self.stdout.write(token.token)
