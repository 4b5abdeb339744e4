"""The client cookbook's JavaScript and TypeScript in Node, exactly as printed."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.urls import include, path
from rest_framework.authtoken.models import Token

from django_layer_identity.issuing import issue_identity_token
from django_layer_identity.models import SigningKey
from tests import urls
from tests.conftest import APP_ID, OTHER_KEY_ID
from tests.endpoint import ALICE, BOB, NONCE, URL, configure, phone_of
from tests.frontdoors.recipes import urls_of
from tests.pages import captioned
from tests.services.npm import install, run
from tests.services.test_own_layer import django, node, pyjwt, running

pytestmark = pytest.mark.service

SOURCES = Path(__file__).parent / "cookbook"
#: The tests' project with the login of the recipe that the page names.
urlpatterns = [path("", include(urls)), *urls_of("REST framework's tokens")]


@pytest.fixture(scope="session")
def cookbook(tmp_path_factory):
    """A folder with the code of the pages; TypeScript is compiled, strictly."""
    folder = install(SOURCES, tmp_path_factory.mktemp("cookbook"))
    for page in ("javascript", "typescript"):
        for name, code in captioned(page).items():
            (folder / name).write_text(code)
    compiled = run(folder, folder / "node_modules/.bin/tsc")
    assert (compiled.returncode, compiled.stdout) == (0, "")
    return folder


@pytest.fixture
def site(settings, live_server, key):
    """A project whose clients use REST framework's tokens."""
    settings.ROOT_URLCONF = __name__
    configure(
        settings,
        AUTHENTICATION_CLASSES=["rest_framework.authentication.TokenAuthentication"],
    )
    return live_server.url


@pytest.fixture
def bob(db):
    return User.objects.create_user(**BOB)


class Program:
    """A program in Node; it reads and writes lines of JSON."""

    def __init__(self, process):
        self.process = process

    def write(self, message):
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def read(self):
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        return json.loads(line)

    def call(self, *message):
        self.write(message)
        return self.read()

    def go_on(self):
        """End a pause."""
        return self.call("go on")


@contextmanager
def started(folder, *command):
    with subprocess.Popen(
        ["node", *command],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        watchdog = Timer(60, process.kill)
        watchdog.start()
        try:
            yield Program(process)
        finally:
            watchdog.cancel()
            process.kill()


@pytest.fixture
def ask(cookbook, site):
    """Call identityToken() of the page for JavaScript; return the program's first line."""
    with started(cookbook, "identity_driver.js") as program:

        def ask(user, **options):
            token = Token.objects.get_or_create(user=user)[0].key if user else "made-up"
            headers = {"Authorization": f"Token {token}"}
            given = {"nonce": NONCE, "url": site + URL, "headers": headers, **options}
            program.write(given)
            return program.read()

        ask.program = program
        yield ask


def refused(answer):
    """Return status, code and remedy of a refusal."""
    found = answer["refused"]
    return found["status"], found.get("code"), found["remedy"]


def test_javascript_gets_a_token(ask, alice):
    answer = ask(alice, appId=str(APP_ID), userId="alice")["answer"]

    assert answer["user_id"] == "alice"
    assert answer["identity_token"].count(".") == 2


def test_javascript_logs_in_again_after_401(ask, db):
    assert refused(ask(None)) == (401, "authentication_failed", "log in")


def test_javascript_deauthenticates_if_another_user_is_logged_in(ask, alice):
    answer = ask(alice, userId="bob")

    assert refused(answer) == (403, "user_id_mismatch", "deauthenticate")
    assert answer["refused"]["userId"] == "alice"


def test_javascript_does_not_repeat_a_request_for_an_unknown_app(ask, alice):
    answer = ask(alice, appId="eeeeeeee-0000-4000-8000-000000000005")

    assert refused(answer) == (404, "app_unknown", "give up")
    assert answer["refused"]["message"] == (
        "No enabled Layer app has this app ID. Correct “app_id”."
    )


def test_javascript_asks_for_a_new_nonce_after_409(ask, alice, bob):
    issue_identity_token(bob, NONCE)

    assert refused(ask(alice)) == (409, "nonce_already_used", "new nonce")


def test_javascript_waits_as_long_as_retry_after_says(ask, alice, settings):
    configure(settings, THROTTLE_RATES={"user": "1/min"})
    assert phone_of(alice).post(URL, {"nonce": NONCE}).status_code == 200

    paused = ask(alice)
    cache.clear()  # the minute has passed
    answer = ask.program.go_on()

    assert paused["pause"] in range(1, 61)
    assert answer["answer"]["user_id"] == "alice"


def test_javascript_backs_off_while_there_is_no_active_key(ask, alice, key):
    key.retire()

    paused = [ask(alice)["pause"]]
    paused += [ask.program.go_on()["pause"] for _ in range(4)]
    answer = ask.program.go_on()

    for seconds, least in zip(paused, [1, 2, 4, 8, 16], strict=True):
        assert least <= seconds < 2 * least
    assert refused(answer) == (503, "no_signing_key", "wait")


def test_javascript_goes_on_after_an_outage(ask, alice, key, other_private_key):
    key.retire()

    assert "pause" in ask(alice)
    other = SigningKey.from_private_key(key.app, other_private_key, key_id=OTHER_KEY_ID)
    other.save()
    other.activate()

    assert ask.program.go_on()["answer"]["user_id"] == "alice"


def test_javascript_backs_off_without_an_answer(ask, alice):
    paused = ask(alice, url="http://127.0.0.1:1/nothing")

    assert 1 <= paused["pause"] < 2


@contextmanager
def app(cookbook, site, layer):
    config = {
        "site": site,
        "layer": layer,
        "appId": f"layer:///apps/production/{APP_ID}",
    }
    with started(cookbook, "layer_driver.js", json.dumps(config)) as program:
        yield program


@pytest.fixture
def phone(cookbook, site):
    """The client of the page for TypeScript, with the sandbox."""
    with app(cookbook, site, f"{site}/sandbox") as program:
        yield program


def done(user_id, result=None):
    return {"result": result, "userId": user_id}


def test_typescript_logs_alice_in_and_out_and_then_bob(phone, alice, bob):
    assert phone.call("logIn", *ALICE.values()) == done(None)
    assert phone.call("open") == done("alice")
    mine = phone.call("request", "GET", "/identities/alice")["result"]
    assert phone.call("logOut") == done(None)
    assert phone.call("logIn", *BOB.values()) == done(None)
    assert phone.call("open") == done("bob")
    other = phone.call("request", "GET", "/identities/bob")["result"]

    assert (mine["user_id"], other["user_id"]) == ("alice", "bob")


def test_typescript_does_not_let_the_next_user_log_in_before_logging_out(
    phone, alice, bob
):
    phone.call("logIn", *ALICE.values())
    phone.call("open")

    answer = phone.call("logIn", *BOB.values())

    assert answer["refused"]["message"] == "Call logOut() first, and wait for it."


def test_typescript_opens_a_new_session_when_layers_has_ended(phone, alice):
    phone.call("logIn", *ALICE.values())
    phone.call("open")
    cache.clear()  # the sandbox's sessions

    answer = phone.call("request", "GET", "/identities/alice")

    assert answer["result"]["user_id"] == "alice"


def test_typescript_reports_a_wrong_password(phone, alice):
    answer = phone.call("logIn", "alice", "wrong")

    assert answer["refused"]["status"] == 400  # of REST framework's login


def test_typescript_logs_in_again_if_the_api_token_was_deleted(phone, alice):
    phone.call("logIn", *ALICE.values())
    alice.auth_token.delete()

    answer = phone.call("open")

    assert refused(answer) == (401, "authentication_failed", "log in")


def test_typescript_waits_during_an_outage(phone, alice, key):
    phone.call("logIn", *ALICE.values())
    key.retire()

    paused = phone.call("open")
    alice.auth_token.delete()
    answer = phone.go_on()

    assert 1 <= paused["pause"] < 2
    assert refused(answer) == (401, "authentication_failed", "log in")


@pytest.mark.parametrize("program", [django, pyjwt, node], ids=lambda it: it.__name__)
def test_typescript_works_with_each_own_layer(
    cookbook, site, alice, program, request, tmp_path
):
    folder = tmp_path
    if program is node:
        folder = request.getfixturevalue("jose") / tmp_path.name
        folder.mkdir()
    with (
        running(program, folder, f"{site}/layer/jwks.json") as chat,
        app(cookbook, site, f"http://127.0.0.1:{chat.port}") as phone,
    ):
        phone.call("logIn", *ALICE.values())
        answers = [phone.call("open"), phone.call("request", "GET", "/me")]
        left = phone.call("logOut")

    assert answers == [done("alice"), done("alice", {"user_id": "alice"})]
    assert left == done(None)
