"""Server processes that share a key in a token. The token fails, hangs and recovers."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest

from django_layer_identity import keyring
from django_layer_identity.models import LayerApp
from tests.conftest import APP_ID, KEY_ID, PROVIDER_ID
from tests.server.clients import create_users, phone
from tests.server.process import database, identity, serve
from tests.services import routing
from tests.services.conftest import need
from tests.services.hsm.softhsm import SlowModule, held

pytestmark = [
    pytest.mark.service,
    pytest.mark.django_db(transaction=True, databases=["default", "postgresql"]),
]
CLIENTS, EACH = 4, 10


@pytest.fixture
def postgresql():
    need("postgresql")
    chosen = routing.database.set("postgresql")
    yield "postgresql"
    routing.database.reset(chosen)


@pytest.fixture
def key(postgresql, hsm):
    app = LayerApp.objects.create(name="M", app_id=APP_ID, provider_id=PROVIDER_ID)
    key = keyring.link_remote_key(app, "hsm", key_id=KEY_ID, activate=True)
    hsm(TIMEOUT=1)
    return key


@pytest.fixture
def server(key, postgresql, settings):
    changed = {"DATABASES": database(postgresql), "LAYER_IDENTITY": identity()}
    # The configuration of SoftHSM is in the environment, which a server inherits.
    with serve(workers=2, options=["--preload"], **changed) as server:
        yield server


def ask_repeatedly(server, token):
    with phone(server, token) as client:
        return [client.ask() for _ in range(EACH)]


def ask_once(server, token):
    """Ask over a new connection, which any of the processes may accept."""
    with phone(server, token) as client:
        return client.ask().code


def ask_concurrently(server, tokens):
    with ThreadPoolExecutor(CLIENTS) as pool:
        lists = pool.map(lambda token: ask_repeatedly(server, token), tokens)
        return [answer for answers in lists for answer in answers]


def wait_for_answers(server, token):
    """Ask over new connections until both processes have surely issued a token."""
    deadline, streak = time.monotonic() + 30, 0
    while streak < 10:
        assert time.monotonic() < deadline
        with phone(server, token) as client:
            streak = streak + 1 if client.ask().code == "issued" else 0


def test_a_hanging_token_costs_one_second_and_no_process(server, key, folder):
    tokens = create_users("postgresql", *(f"user-{n}" for n in range(CLIENTS)))
    before = ask_concurrently(server, tokens)
    workers = server.workers

    with held(folder), phone(server, tokens[0]) as client:
        refused = [client.ask() for _ in range(6)]
    wait_for_answers(server, tokens[0])
    after = ask_concurrently(server, tokens)

    assert {answer.code for answer in before + after} == {"issued"}
    assert [answer.code for answer in refused] == ["signing_failed"] * 6
    assert [answer.status for answer in refused] == [503] * 6
    assert server.workers == workers
    for answer in before + after:
        token = answer.body["identity_token"]
        assert jwt.decode(token, key.public_key, algorithms=["RS256"])
    assert "no answer within 1 seconds" in server.said()


def test_workers_do_not_log_the_pin(server, key, folder, hsm):
    [token] = create_users("postgresql", "alice")
    (folder / "pin").write_text("1111-2222")

    with phone(server, token) as client:
        answers = [client.ask().code for _ in range(8)]

    said = server.said()
    assert answers == ["signing_failed"] * 8
    assert said.count("refused the PIN.") <= 2  # one for each process
    assert "is not sent again until it changes" in said
    assert "1111-2222" not in said


def test_only_one_worker_sends_a_wrong_pin_and_only_once(key, folder, hsm, postgresql):
    module = SlowModule(folder, delay=0)
    hsm(MODULE=module.path)
    (folder / "pin").write_text("1111-2222")
    backend = "django.core.cache.backends.filebased.FileBasedCache"
    shared = {"default": {"BACKEND": backend, "LOCATION": str(folder / "cache")}}
    changed = {"DATABASES": database(postgresql), "LAYER_IDENTITY": identity()}
    [token] = create_users("postgresql", "alice")

    with serve(workers=3, CACHES=shared, **changed) as server:
        answers = [ask_once(server, token) for _ in range(30)]

    assert answers == ["signing_failed"] * 30
    assert module.logins == 1


def test_workers_do_not_crash_when_they_exit_while_the_module_runs(
    key, folder, hsm, postgresql
):
    module = SlowModule(folder, delay=60_000)
    hsm(MODULE=module.path, TIMEOUT=0.2)
    changed = {"DATABASES": database(postgresql), "LAYER_IDENTITY": identity()}
    [token] = create_users("postgresql", "alice")

    with serve(workers=3, **changed) as server:
        deadline = time.monotonic() + 30
        while module.signatures < 3:
            assert time.monotonic() < deadline
            assert ask_once(server, token) == "signing_failed"
        server.stop()
        said = server.said()

    assert "SIGSEGV" not in said
    assert "SIGABRT" not in said
