"""``manage.py layer_token_issue``."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError, CommandParser

from django_layer_identity.issuing import issue_identity_token
from django_layer_identity.management.base import LayerCommand, add_app_argument


class Command(LayerCommand):
    help = "Print an identity token for a user, for debugging. It leaves a trace."

    def add_arguments(self, parser: CommandParser) -> None:
        add_app_argument(parser)
        parser.add_argument("--nonce", required=True, help="what Layer gave")
        parser.add_argument("user", metavar="USER", help="the natural key: a username")

    def run(self, *, app: str | None, nonce: str, user: str, **options: Any) -> None:
        users = get_user_model()._default_manager
        try:
            found = users.get_by_natural_key(user)
        except get_user_model().DoesNotExist as exc:
            raise CommandError(f"There is no user {user!r}.") from exc
        self.stdout.write(issue_identity_token(found, nonce, app=app).token)
