"""``manage.py layer_user_rename``."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from django_layer_identity import ledger
from django_layer_identity.conf import conf
from django_layer_identity.management.base import LayerCommand
from django_layer_identity.mapping.typed_ids import find_typing_error
from django_layer_identity.mapping.users import find_user
from django_layer_identity.models import LayerApp
from django_layer_identity.protocol.claims import check_user_id

NEXT = {
    "follow": "the next token switches to the ID that USER_ID gives, or is refused with "
    "user_id_taken if that ID belongs to another user",
    "refuse": "the next token is refused with user_id_changed",
}


class Command(LayerCommand):
    help = "Give a user another Layer user ID. The old one stays reserved for the user."
    arguments = ("--app", "user")

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("user_id", metavar="ID", help="the new Layer user ID")
        parser.add_argument(
            "--exact",
            action="store_true",
            help="take USER and ID as they are, also if ID looks like a typing error",
        )

    def run(
        self,
        *,
        app: str | None,
        user: str,
        user_id: str,
        exact: bool,
        **options: Any,
    ) -> None:
        problem = None if exact else find_typing_error(check_user_id(user_id))
        if problem:
            raise CommandError(f"{problem} To take it as it is, use --exact.")
        ledger.rename(LayerApp.objects.get_by_app_id(app), find_user(user), user_id)
        self.stdout.write(user_id)
        if conf.USER_ID_CHANGE in NEXT:
            self.remark(
                "This will not last: LAYER_IDENTITY['USER_ID_CHANGE'] is "
                f"{conf.USER_ID_CHANGE!r}. Unless USER_ID gives this user the new ID, "
                f"{NEXT[conf.USER_ID_CHANGE]}."
            )
