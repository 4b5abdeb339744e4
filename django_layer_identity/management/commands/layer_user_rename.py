"""``manage.py layer_user_rename``."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from django_layer_identity import ledger
from django_layer_identity.conf import conf
from django_layer_identity.management.base import LayerCommand
from django_layer_identity.mapping.users import find_user
from django_layer_identity.models import LayerApp

NEXT = {
    "follow": "the next token switches to the ID that USER_ID gives",
    "refuse": "the next token is refused with user_id_changed",
}


class Command(LayerCommand):
    help = "Give a user another Layer user ID. The old one stays reserved for the user."
    arguments = ("--app", "user")

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("user_id", metavar="ID", help="the new Layer user ID")

    def run(self, *, app: str | None, user: str, user_id: str, **options: Any) -> None:
        ledger.rename(LayerApp.objects.get_by_app_id(app), find_user(user), user_id)
        self.stdout.write(user_id)
        if conf.USER_ID_CHANGE in NEXT:
            self.remark(
                "This will not last: LAYER_IDENTITY['USER_ID_CHANGE'] is "
                f"{conf.USER_ID_CHANGE!r}. Unless USER_ID gives this user the new ID, "
                f"{NEXT[conf.USER_ID_CHANGE]}."
            )
