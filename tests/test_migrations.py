"""A database of an earlier version migrates and keeps its data."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from uuid import UUID, uuid4

import pytest

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


def insert_app(directory, name, lifetime):
    """Store a Layer app with a lifetime in microseconds, or None."""
    with closing(sqlite3.connect(directory / "db.sqlite3")) as database:
        database.execute(
            "INSERT INTO layer_identity_layerapp (name, app_id, environment, provider_id, "
            "enabled, token_lifetime) VALUES (:name, :id, 'production', :id, 1, :lifetime)",
            {"name": name, "id": uuid4().hex, "lifetime": lifetime},
        )
        database.commit()


def lifetimes(directory):
    return query(directory, "SELECT name, token_lifetime FROM layer_identity_layerapp")


def test_token_lifetimes_under_half_a_minute_are_lifted_and_named(old):
    manage(old, "migrate", "layer_identity", "0001")
    insert_app(old, "Short", 1_500_000)
    insert_app(old, "Shortest allowed", 30_000_000)
    insert_app(old, "Without", None)

    printed = manage(old, "migrate", "layer_identity")

    assert lifetimes(old) == [
        ("Demo", None),
        ("Short", 30_000_000),
        ("Shortest allowed", 30_000_000),
        ("Without", None),
    ]
    assert "raised to 30 seconds (1; the former lifetime follows):" in printed
    named = [line.strip() for line in printed.splitlines() if "1.5 seconds" in line]
    [(app_id,)] = query(
        old, "SELECT app_id FROM layer_identity_layerapp WHERE name = 'Short'"
    )
    assert named == [f"Short ({UUID(app_id)}): 1.5 seconds"]


def test_the_migration_of_token_lifetimes_is_silent_without_short_ones(old):
    manage(old, "migrate", "layer_identity", "0001")

    assert "30 seconds" not in manage(old, "migrate", "layer_identity")


def test_lifted_token_lifetimes_stay_when_the_migration_is_undone(old):
    manage(old, "migrate", "layer_identity", "0001")
    insert_app(old, "Short", 1)
    manage(old, "migrate", "layer_identity")

    manage(old, "migrate", "layer_identity", "0001")

    assert lifetimes(old) == [("Demo", None), ("Short", 30_000_000)]


def test_no_migration_is_missing(old):
    assert manage(old, "makemigrations", "--check") == "No changes detected\n"
