"""``manage.py demo``, which ``make demo`` runs."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from http.client import HTTPConnection
from http.cookies import SimpleCookie

import pytest

from tests.browser.conftest import MANAGE, environment, free_port, running_demo

pytestmark = pytest.mark.slow  # each test starts a process, some several


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


@pytest.fixture
def occupied():
    """Make sure that something listens on the default port."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):  # another program does already
            listener.bind(("127.0.0.1", 8000))
            listener.listen()
        yield


def test_without_a_wanted_port_the_demo_takes_a_free_one_and_prints_it(
    occupied, prepared
):
    with running_demo(prepared, "") as served:
        assert b"<h1>Layer identity demo</h1>" in get_page(served)[1]

    assert served.port != 8000
    assert f"development server at {served.url}/" in served.printed


def test_two_servers_that_start_at_the_same_time_get_two_ports(prepared):
    """Both have bound the port before one of them listens."""
    code = """
import socket
from demo.server import FirstFreePort
class Late(FirstFreePort):
    def server_bind(self):
        super().server_bind()
        if self.server_port == PORT:
            first.listen()
with socket.socket() as first:
    first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    first.bind(("127.0.0.1", 0))
    PORT = first.getsockname()[1]
    with Late(("127.0.0.1", PORT), None) as second:
        print(second.server_port - PORT > 0)
"""

    assert manage(prepared, "shell", "-v", "0", "-c", code).stdout == "True\n"


def test_if_no_port_in_the_row_is_free_the_system_chooses_one(prepared, demo):
    code = f"""
from demo import server
server.ATTEMPTS = 1
with server.FirstFreePort(("127.0.0.1", {demo.port}), None) as chosen:
    print(chosen.server_port not in (0, {demo.port}))
"""

    assert manage(prepared, "shell", "-v", "0", "-c", code).stdout == "True\n"


def test_an_address_that_cannot_be_used_is_an_error(prepared):
    code = """
from demo import server
server.FirstFreePort(("192.0.2.1", 8000), None)
"""

    failed = manage(prepared, "shell", "-v", "0", "-c", code)

    assert "Cannot assign requested address" in failed.stderr


def test_two_demos_do_not_share_cookies(prepared, demo):
    with running_demo(prepared, free_port()) as second:
        names = [cookie_names(each) for each in (demo, second)]

    assert names == [[f"layer_demo_csrf_{each.port}"] for each in (demo, second)]


def get_page(served):
    with closing(HTTPConnection("127.0.0.1", served.port)) as connection:
        connection.request("GET", "/")
        response = connection.getresponse()
        return response.headers, response.read()


def cookie_names(served):
    return list(SimpleCookie(get_page(served)[0]["Set-Cookie"]))


def test_demos_that_start_at_once_create_one_installation(tmp_path):
    starting = [
        subprocess.Popen(
            [sys.executable, MANAGE, "demo", "--prepare-only"],
            env=environment(tmp_path / "data"),
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    errors = [process.communicate(timeout=60)[1] for process in starting]

    assert errors == ["", "", ""]
    assert rows(
        tmp_path / "data", "SELECT active_for_id FROM layer_identity_signingkey"
    ) == [(1,)]


def test_a_database_that_appears_with_its_secrets_is_not_refused(tmp_path):
    """Another process creates both between two looks at the folder."""
    code = """
import sys
sys.path.insert(0, sys.argv[1])
from config import secrets_file
path = secrets_file.secrets_path
def look():
    if not path().exists():
        path().write_text("{}")
        secrets_file.database_path().touch()
        return path().with_name("missing")
    return path()
secrets_file.secrets_path = look
secrets_file.create_if_missing()
print(sorted(each.name for each in path().parent.iterdir()))
"""

    run = subprocess.run(
        [sys.executable, "-c", code, MANAGE.parent],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )

    assert (run.stdout, run.stderr) == ("['db.sqlite3', 'secrets.json']\n", "")


@pytest.fixture
def checkout(tmp_path):
    """A folder with the Makefile, and a Python that installs nothing."""
    (tmp_path / "Makefile").write_text((MANAGE.parents[1] / "Makefile").read_text())
    python = tmp_path / "python"
    python.write_text(PYTHON_STUB)
    python.chmod(0o755)
    return tmp_path


PYTHON_STUB = f"""#!{sys.executable}
import fcntl, os, shutil, sys

def install(path):
    try:
        fcntl.flock(os.open(".", os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pass  # make holds the lock
    else:
        sys.exit("Not locked: " + path)
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copy(__file__, path)

match sys.argv[1:]:
    case ["-m", "venv", folder]:
        os.mkdir(folder)
        install(".venv/bin/python")
    case ["-m", "pip", *_]:
        install(".venv/bin/tox")
    case ["run", *_]:
        install(".tox/demo/bin/python")
    case ["example_project/manage.py", "demo"]:
        print("served")
    case arguments:
        with open("waiting", "a") as file:
            file.write("x")
        os.execv(sys.executable, [sys.executable, *arguments])
"""


def test_two_make_demo_in_one_checkout_install_one_after_the_other(checkout):
    folder = os.open(checkout, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    commands = [
        subprocess.Popen(
            ["make", "demo", "PYTHON=./python"],
            cwd=checkout,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    while not both_wait(checkout) and [c.poll() for c in commands] == [None, None]:
        time.sleep(0.01)
    os.close(folder)
    outputs = [each.communicate(timeout=60)[0].splitlines()[1:] for each in commands]

    assert outputs == [["served"], ["served"]]


def both_wait(checkout):
    waiting = checkout / "waiting"
    return waiting.exists() and waiting.read_text() == "xx"


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


def test_without_debug_the_page_has_no_link_into_the_admin(prepared):
    code = """
from django.test import override_settings
from demo.ways_out import ways_out
with override_settings(DEBUG=False):
    print(ways_out()["no_signing_key"])
print(ways_out()["no_signing_key"])
"""

    text = {"text": "Activate a signing key."}
    link = {
        "label": "Open the signing keys",
        "url": "/admin/layer_identity/signingkey/",
    }
    assert manage(prepared, "shell", "-v", "0", "-c", code).stdout == (
        f"{text}\n{text | link}\n"
    )


EXPIRED = """
from django.contrib.auth.models import User
from django.test import Client, override_settings
from django_layer_identity.models import LayerApp
def ask(client, **data):
    return client.post("/expired-token", data, headers={"host": "localhost"}).json()
client = Client()
client.force_login(User.objects.get(username="alice"))
"""


@pytest.mark.parametrize(
    ("code", "refusal"),
    [
        ("with override_settings(DEBUG=False): answer = ask(client)", "debug_only"),
        ("answer = ask(Client(), nonce='n')", "not_authenticated"),
        ("answer = ask(client)", "not_signed"),
        ("client.get('/admin/logout/'); answer = ask(client, nonce='')", "not_signed"),
    ],
)
def test_an_expired_token_is_refused_to(prepared, code, refusal):
    code = f"{EXPIRED}{code}\nprint(answer['code'])"

    assert manage(prepared, "shell", "-v", "0", "-c", code).stdout == f"{refusal}\n"


def test_the_example_project_passes_the_system_checks(prepared):
    checked = manage(prepared, "check", "--fail-level", "INFO")

    assert checked.stdout == "System check identified no issues (0 silenced).\n"
