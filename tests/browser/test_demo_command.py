"""``manage.py demo``, which ``make demo`` runs."""

from __future__ import annotations

import json
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from tests.browser.conftest import MANAGE, environment


def manage(data, *arguments, **variables):
    return subprocess.run(
        [sys.executable, MANAGE, *arguments],
        env=environment(data, **variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def rows(data, query):
    with closing(sqlite3.connect(data / "db.sqlite3")) as connection:
        return connection.execute(query).fetchall()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    data = tmp_path_factory.mktemp("prepared") / "data"
    assert manage(data, "demo", "--prepare-only").returncode == 0
    return data


def test_a_second_run_keeps_all_data(prepared):
    def state():
        return (
            (prepared / "secrets.json").read_text(),
            rows(prepared, "SELECT id, username, password FROM auth_user"),
            rows(prepared, "SELECT * FROM layer_identity_layerapp"),
            rows(prepared, "SELECT * FROM layer_identity_signingkey"),
        )

    before = state()
    second = manage(prepared, "demo", "--prepare-only")

    assert (second.returncode, second.stderr) == (0, "")
    assert state() == before


def test_the_first_run_creates_accounts_an_app_and_an_active_key(prepared):
    accounts = rows(prepared, "SELECT username, is_superuser FROM auth_user")
    apps = rows(prepared, "SELECT id, name, environment FROM layer_identity_layerapp")
    keys = rows(prepared, "SELECT active_for_id FROM layer_identity_signingkey")

    assert accounts == [("alice", 0), ("bob", 0), ("admin", 1)]
    assert apps == [(1, "Demo", "staging")]
    assert keys == [(1,)]


@pytest.mark.parametrize(
    ("name", "mode"), [(".", 0o700), ("secrets.json", 0o600), ("db.sqlite3", 0o600)]
)
def test_only_the_owner_can_read_the_data(prepared, name, mode):
    assert (prepared / name).stat().st_mode & 0o777 == mode


def test_each_installation_has_its_own_secrets(prepared, demo):
    ours, theirs = (
        json.loads((data / "secrets.json").read_text())
        for data in (prepared, demo.data)
    )

    assert set(ours) == {"secret_key", "encryption_key", "passwords"}
    assert not set(map(str, ours.values())) & set(map(str, theirs.values()))


def test_the_command_prints_the_urls_and_the_passwords(demo):
    passwords = json.loads((demo.data / "secrets.json").read_text())["passwords"]
    lines = [line.split() for line in demo.printed.splitlines()]

    assert ["Page", f"{demo.url}/"] in lines
    assert ["Admin", f"{demo.url}/admin/"] in lines
    assert [lines.count([*account]) for account in passwords.items()] == [1, 1, 1]


def test_a_database_without_its_secrets_is_refused(tmp_path):
    (tmp_path / "db.sqlite3").touch()

    refused = manage(tmp_path, "demo", "--prepare-only")

    assert refused.returncode == 1
    assert refused.stderr == (
        f"{tmp_path}/secrets.json is missing, so the database in the same folder cannot be"
        f" used. Delete {tmp_path} to start again.\n"
    )


def test_a_port_in_use_is_reported(prepared, demo):
    refused = manage(prepared, "demo", PORT=str(demo.port))

    assert refused.returncode == 1
    assert refused.stderr == (
        f"CommandError: Port {demo.port} cannot be used (Address already in use)."
        " Choose another port, for example: PORT=8001 make demo\n"
    )


@pytest.mark.parametrize("port", ["http", "0", "65536"])
def test_an_invalid_port_is_refused(prepared, port):
    refused = manage(prepared, "demo", PORT=port)

    assert refused.returncode == 1
    assert refused.stderr == (
        f"CommandError: PORT must be a number from 1 to 65535, not {port!r}.\n"
    )


def test_the_demo_listens_on_this_machine_only(demo):
    with pytest.raises(OSError, match=r"refused|timed out"):
        socket.create_connection(("127.0.0.2", demo.port), timeout=5)


def test_without_debug_the_sign_in_buttons_are_refused(prepared):
    code = """
from django.test import Client, override_settings
with override_settings(DEBUG=False):
    answer = Client().post("/sign-in", {"username": "alice"}, headers={"host": "localhost"})
print(answer.status_code, answer.json()["code"], answer.cookies.keys())
"""

    assert manage(prepared, "shell", "-v", "0", "-c", code).stdout == (
        "403 debug_only dict_keys([])\n"
    )


def test_the_example_project_passes_the_system_checks(prepared):
    checked = manage(prepared, "check", "--fail-level", "INFO")

    assert checked.stdout == "System check identified no issues (0 silenced).\n"
