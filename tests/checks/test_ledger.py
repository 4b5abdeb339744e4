from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from django.core import checks
from django.core.checks import Error

from django_layer_identity.checks import users
from tests import internals
from tests.checks import assert_documented, found


class TwoDatabases:
    """The router of a project that has its users in another database."""

    def db_for_write(self, model, **hints):
        return "elsewhere" if model._meta.app_label == "auth" else None


@pytest.mark.parametrize("value", ["Keep", "", None, True])
def test_user_id_change_has_three_values(settings, value):
    assert found(settings, USER_ID_CHANGE=value) == [
        Error(
            "LAYER_IDENTITY['USER_ID_CHANGE'] must be 'keep', 'follow' or 'refuse', "
            f"not {value!r}.",
            hint='For example: "keep", the default.',
            id="layer_identity.E030",
        )
    ]


@pytest.mark.parametrize("value", ["keep", "follow", "refuse"])
def test_every_value_of_user_id_change_is_accepted(settings, value):
    assert found(settings, USER_ID_CHANGE=value) == []


def test_the_ledger_must_be_in_the_database_of_the_users(settings):
    settings.DATABASE_ROUTERS = [TwoDatabases()]

    assert found(settings) == [
        Error(
            "The ledger is in the database 'default', but the user model is in "
            "'elsewhere'. They must be in the same database.",
            hint=(
                "Change DATABASE_ROUTERS so that the app layer_identity is in the "
                "database of the user model. The ledger has a foreign key to it."
            ),
            id="layer_identity.E033",
        )
    ]


class MariaDB:
    """A fake server with these charsets. tests/services uses a real one."""

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
        f"The database {alias!r} uses the character set {charset} for Layer user IDs. "
        "It does not have every character.",
        hint=(
            "Convert the database to utf8mb4, and remove 'charset' from the OPTIONS in "
            "DATABASES: Django's default is utf8mb4."
        ),
        id="layer_identity.E034",
    )


def test_a_database_with_a_narrow_charset_is_reported(monkeypatch):
    servers = {
        "sqlite": SimpleNamespace(vendor="sqlite"),
        "wide": MariaDB("utf8mb4", "utf8mb4"),
        "narrow": MariaDB("utf8mb4", "utf8mb3"),
        "narrowly-connected": MariaDB("latin1", "utf8mb4"),
    }
    monkeypatch.setattr(internals.CHECKED_DATABASES, servers)

    messages = users.check_databases(databases=list(servers))

    assert_documented(messages)
    assert messages == [
        narrow("narrow", "utf8mb3"),
        narrow("narrowly-connected", "latin1"),
    ]


@pytest.mark.django_db
def test_only_the_given_databases_are_checked():
    assert users.check_databases(databases=None) == []
    assert checks.run_checks(tags=["database"], databases=["default"]) == []
