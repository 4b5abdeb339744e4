"""Who owns which Layer user ID, and what would make people share one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error
from django.db import connections, router

from django_layer_identity.conf import conf
from django_layer_identity.models import LayerUser

CHANGES = ("keep", "follow", "refuse")


def _change() -> list[CheckMessage]:
    if conf.USER_ID_CHANGE in CHANGES:
        return []
    return [
        Error(
            "LAYER_IDENTITY['USER_ID_CHANGE'] is none of its three values.",
            hint=f"One of: {', '.join(map(repr, CHANGES))}.",
            id="layer_identity.E030",
        )
    ]


def _one_database() -> list[CheckMessage]:
    ours, theirs = (router.db_for_write(one) for one in (LayerUser, get_user_model()))
    if ours == theirs:
        return []
    return [
        Error(
            f"Layer users are in the database {ours!r}, your users in {theirs!r}.",
            hint=(
                "Let DATABASE_ROUTERS send the app layer_identity to where the user "
                "model is: the ledger has a foreign key to it."
            ),
            id="layer_identity.E033",
        )
    ]


def check_databases(
    databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Look whether each database of the ledger keeps every character."""
    return [
        message
        for alias in databases or ()
        if connections[alias].vendor == "mysql"
        and router.allow_migrate_model(alias, LayerUser)
        for message in _charset(alias)
    ]


def _charset(alias: str) -> list[CheckMessage]:
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT @@character_set_connection, COALESCE("
            "(SELECT character_set_name FROM information_schema.columns"
            " WHERE table_schema = DATABASE()"
            " AND table_name = %s AND column_name = 'user_id'),"
            " @@character_set_database)",  # before the table is there
            [LayerUser._meta.db_table],
        )
        narrow = sorted(set(cursor.fetchone()) - {"utf8mb4"})
    if not narrow:
        return []
    return [
        Error(
            f"The database {alias!r} keeps Layer user IDs in {narrow[0]}, where not "
            "every character has room.",
            hint=(
                "Convert it to utf8mb4, and leave 'charset' out of the OPTIONS in "
                "DATABASES: Django's default is utf8mb4."
            ),
            id="layer_identity.E034",
        )
    ]


RULES = (_change, _one_database)
