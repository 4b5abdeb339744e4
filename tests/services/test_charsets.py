"""MariaDB stores every character of an ID; otherwise a check reports it."""

from __future__ import annotations

import os

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.core import checks
from django.db import connections

from django_layer_identity.models import LayerApp, LayerUser
from tests.services.conftest import need

pytestmark = pytest.mark.service
NAME = f"{os.environ.get('TEST_DATABASE', 'test_django_layer_identity')}_narrow"


@pytest.fixture(autouse=True)
def _unblocked(django_db_setup, django_db_blocker):
    need("mariadb")
    with django_db_blocker.unblock():
        yield
    connections["mariadb"].close()


@pytest.fixture
def narrow():
    """A separate database with the charset latin1."""
    with connections["mariadb"].cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {NAME} CHARACTER SET latin1")
    connections.settings["narrow"] = {
        **connections.settings["mariadb"],
        "NAME": NAME,
        "OPTIONS": {},
    }
    yield connections["narrow"]
    connections["narrow"].close()
    del connections["narrow"], connections.settings["narrow"]
    with connections["mariadb"].cursor() as cursor:
        cursor.execute(f"DROP DATABASE {NAME}")


def problems(alias):
    found = checks.run_checks(tags=["database"], databases=[alias])
    return [
        message.msg for message in found if message.id.startswith("layer_identity.")
    ]


def create_tables(connection):
    with connection.schema_editor() as editor:
        for model in (ContentType, Permission, Group, User, LayerApp, LayerUser):
            editor.create_model(model)


NARROW = (
    "The database 'narrow' uses the character set latin1 for Layer user IDs. It does "
    "not have every character."
)


def test_the_database_of_the_tests_is_wide_enough():
    assert problems("mariadb") == []


def test_a_narrow_database_is_reported_before_it_has_tables(narrow):
    assert problems("narrow") == [NARROW]


def test_a_narrow_column_is_reported(narrow):
    create_tables(narrow)
    with narrow.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {NAME} CHARACTER SET utf8mb4")

    assert problems("narrow") == [NARROW]


def test_a_wide_column_in_a_narrow_database_is_fine(narrow):
    create_tables(narrow)
    with narrow.cursor() as cursor:
        table = LayerUser._meta.db_table
        cursor.execute(f"ALTER TABLE {table} CONVERT TO CHARACTER SET utf8mb4")

    assert problems("narrow") == []


def test_a_narrow_connection_is_reported(narrow):
    with narrow.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {NAME} CHARACTER SET utf8mb4")
    narrow.close()
    narrow.settings_dict["OPTIONS"] = {"charset": "latin1"}

    assert problems("narrow") == [NARROW]
