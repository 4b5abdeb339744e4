from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from django.core import checks
from django.core.checks import Error

from django_layer_identity.checks import users
from tests import internals
from tests.checks import found


class TwoDatabases:
    """The router of a project whose users live elsewhere."""

    def db_for_write(self, model, **hints):
        return "elsewhere" if model._meta.app_label == "auth" else None


@pytest.mark.parametrize("value", ["Keep", "", None, True])
def test_a_change_of_the_value_is_kept_followed_or_refused(settings, value):
    assert found(settings, USER_ID_CHANGE=value) == [
        Error(
            "LAYER_IDENTITY['USER_ID_CHANGE'] is none of its three values.",
            hint="One of: 'keep', 'follow', 'refuse'.",
            id="layer_identity.E030",
        )
    ]


@pytest.mark.parametrize("value", ["keep", "follow", "refuse"])
def test_each_of_the_three_values_is_fine(settings, value):
    assert found(settings, USER_ID_CHANGE=value) == []


def test_the_ledger_is_where_the_users_are(settings):
    settings.DATABASE_ROUTERS = [TwoDatabases()]

    assert found(settings) == [
        Error(
            "Layer users are in the database 'default', your users in 'elsewhere'.",
            hint=(
                "Let DATABASE_ROUTERS send the app layer_identity to where the user "
                "model is: the ledger has a foreign key to it."
            ),
            id="layer_identity.E033",
        )
    ]


class MariaDB:
    """What a server says of its charsets; tests/services asks a real one."""

    vendor = "mysql"

    def __init__(self, *charsets):
        self.charsets = charsets

    def cursor(self):
        return nullcontext(
            SimpleNamespace(
                execute=lambda sql, params: None, fetchone=lambda: self.charsets
            )
        )


def narrow(alias, charset):
    return Error(
        f"The database {alias!r} keeps Layer user IDs in {charset}, where not every "
        "character has room.",
        hint=(
            "Convert it to utf8mb4, and leave 'charset' out of the OPTIONS in DATABASES: "
            "Django's default is utf8mb4."
        ),
        id="layer_identity.E034",
    )


def test_each_database_that_is_named_has_room_for_every_character(monkeypatch):
    servers = {
        "sqlite": SimpleNamespace(vendor="sqlite"),
        "wide": MariaDB("utf8mb4", "utf8mb4"),
        "narrow": MariaDB("utf8mb4", "utf8mb3"),
        "narrowly-connected": MariaDB("latin1", "utf8mb4"),
    }
    monkeypatch.setattr(internals.CHECKED_DATABASES, servers)

    assert users.check_databases(databases=list(servers)) == [
        narrow("narrow", "utf8mb3"),
        narrow("narrowly-connected", "latin1"),
    ]


@pytest.mark.django_db
def test_databases_are_looked_at_only_when_they_are_named():
    assert users.check_databases(databases=None) == []
    assert checks.run_checks(tags=["database"], databases=["default"]) == []
