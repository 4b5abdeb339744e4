"""A database of an earlier version migrates and keeps its data."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import call_command

from django_layer_identity.models import LayerApp
from tests.fresh import CHECKOUT, environment

pytestmark = pytest.mark.slow  # it runs migrations, unlike the fast tests

MANAGE = CHECKOUT / "example_project" / "manage.py"
VECTORS = Path(__file__).parent / "vectors"

#: The secrets of the stored demo database.
SECRETS = {
    "secret_key": "not used in the database",
    "encryption_key": "Z5DwnvKP1qyF0lS9we4tKTDsl4Ynlpd1l8yWua1jOAY",
    "passwords": {"alice": "one", "bob": "two", "admin": "three"},
}
FINGERPRINT = "9a54fafe2c33dbdad8e76cc01ee8c2d00ac9f90896ff2b617489cfb202f43259"


def manage(directory, *arguments):
    done = subprocess.run(
        [sys.executable, MANAGE, *arguments],
        env=environment(DEMO_DATA_DIR=str(directory)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def query(directory, sql):
    with closing(sqlite3.connect(directory / "db.sqlite3")) as database:
        return database.execute(sql).fetchall()


@pytest.fixture
def demo(tmp_path):
    """Return a function that creates a demo's data, new or from an old database."""

    def demo(name, database=None):
        directory = tmp_path / name
        directory.mkdir()
        (directory / "secrets.json").write_text(json.dumps(SECRETS))
        if database:
            with closing(sqlite3.connect(directory / "db.sqlite3")) as connection:
                connection.executescript((VECTORS / database).read_text())
        manage(directory, "demo", "--prepare-only")
        return directory

    return demo


@pytest.fixture
def old(demo):
    return demo("old", "first_version.sql")


def test_an_old_database_keeps_user_ids_keys_and_audit_entries(old):
    assert query(old, "SELECT user_id, owner_id FROM layer_identity_layeruser") == [
        ("alice", 1),
        ("bob", 2),
    ]
    assert query(old, "SELECT fingerprint FROM layer_identity_signingkey") == [
        (FINGERPRINT,)
    ]
    assert query(
        old,
        "SELECT code, user_pk, impersonator_pk FROM layer_identity_audit_auditentry",
    ) == [("issued", "1", ""), ("issued", "2", "")]


def test_a_key_of_an_old_database_can_sign(old):
    token = manage(old, "layer_token_issue", "alice", "--nonce", "a nonce")

    assert token.count(".") == 2


def test_an_old_database_has_the_tables_and_indexes_of_a_new_one(old, demo):
    sql = "PRAGMA table_info(layer_identity_{})"
    indexes = (
        "SELECT tbl_name, name FROM sqlite_master "
        "WHERE type = 'index' AND name LIKE 'layer%' ORDER BY 1, 2"
    )
    new = demo("new")

    for table in ("layerapp", "signingkey", "layeruser", "spentnonce"):
        columns = query(old, sql.format(table)), query(new, sql.format(table))
        found, expected = ({column[1:] for column in each} for each in columns)
        assert found == expected
    assert query(old, indexes) == query(new, indexes)


@pytest.fixture
def first_schema(transactional_db):
    """Undo the migration of the token lifetimes, and apply it again after the test."""
    call_command("migrate", "layer_identity", "0001", verbosity=0)
    yield
    call_command("migrate", verbosity=0)


def create_app(name, seconds):
    lifetime = None if seconds is None else timedelta(seconds=seconds)
    return LayerApp.objects.create(
        name=name, app_id=uuid4(), provider_id=uuid4(), token_lifetime=lifetime
    )


def lifetimes():
    return list(LayerApp.objects.order_by("pk").values_list("name", "token_lifetime"))


@pytest.mark.usefixtures("first_schema")
def test_token_lifetimes_under_half_a_minute_are_lifted_and_named(capsys):
    short = create_app("Short", 1.5)
    create_app("Shortest allowed", 30)
    create_app("Without", None)

    call_command("migrate", "layer_identity", verbosity=0)

    assert lifetimes() == [
        ("Short", timedelta(seconds=30)),
        ("Shortest allowed", timedelta(seconds=30)),
        ("Without", None),
    ]
    assert capsys.readouterr().out == (
        "\nA token must live at least 30 seconds. So the token lifetime of these Layer "
        "apps was raised to 30 seconds (1; the former lifetime follows):\n"
        f"    Short ({short.app_id}): 1.5 seconds\n"
    )


@pytest.mark.usefixtures("first_schema")
def test_the_migration_of_token_lifetimes_is_silent_without_short_ones(capsys):
    call_command("migrate", "layer_identity", verbosity=0)

    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("first_schema")
def test_lifted_token_lifetimes_stay_when_the_migration_is_undone():
    create_app("Short", 0.001)
    call_command("migrate", "layer_identity", verbosity=0)

    call_command("migrate", "layer_identity", "0001", verbosity=0)

    assert lifetimes() == [("Short", timedelta(seconds=30))]


def test_no_migration_is_missing(old):
    assert manage(old, "makemigrations", "--check") == "No changes detected\n"
