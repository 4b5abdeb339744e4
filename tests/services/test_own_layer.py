"""The chat servers of the page "Be your own Layer", run exactly as printed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from http.client import HTTPConnection
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import RSAAlgorithm
from rest_framework.test import APIClient

from tests.conftest import APP_ID, KEY_ID, PROVIDER_ID
from tests.endpoint import URL as AUTHENTICATE
from tests.fresh import environment, start_project
from tests.pages import captioned, page

pytestmark = pytest.mark.service

VECTORS = Path(__file__).parents[1] / "vectors"
PROVIDER = f"layer:///providers/{PROVIDER_ID}"
HEADER = {"typ": "JWT", "cty": "layer-eit;v=1", "kid": f"layer:///keys/{KEY_ID}"}
REFUSED = 422, {"error": "The identity token was refused."}
CODE = captioned("own-layer")


def django(folder, port):
    """Write the Django program, and return the command that runs it."""
    start_project(folder)
    (folder / "messenger").rename(folder / "chat")  # the page's name of the project
    for file in [folder / "manage.py", *(folder / "chat").glob("*.py")]:
        file.write_text(file.read_text().replace("messenger", "chat"))
    for name in ("chat/views.py", "chat/urls.py"):
        (folder / name).write_text(CODE[name])
    with (folder / "chat/settings.py").open("a") as settings:
        settings.write(CODE["chat/settings.py"])
    return [sys.executable, "manage.py", "runserver", "--noreload", str(port)]


def pyjwt(folder, port):
    (folder / "chat.py").write_text(CODE["chat.py"])
    [printed] = [
        line.strip().removeprefix("$ ")
        for line in page("own-layer").read_text().splitlines()
        if line.strip().startswith("$ gunicorn")
    ]
    words = printed.replace(":8001", f":{port}").split()
    return [sys.executable, "-m", *words, "--no-control-socket"]


def node(folder, port):
    (folder / "chat.mjs").write_text(CODE["chat.js"])
    return ["node", "chat.mjs"]


class Chat:
    """Requests to a running chat server."""

    def __init__(self, port):
        self.port = port

    def send(self, method, path, body=None, **headers):
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        return response.status, json.loads(text) if text else None

    def nonce(self):
        status, body = self.send("POST", "/nonces")
        assert status == 201
        return body["nonce"]

    def open(self, token):
        body = json.dumps({"identity_token": token})
        return self.send("POST", "/sessions", body)

    def me(self, session):
        return self.send("GET", "/me", Authorization=f'Layer session-token="{session}"')


def wait_for(port, process, log):
    deadline = time.monotonic() + 60
    while True:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextmanager
def running(program, folder, jwks):
    """Run a chat server that trusts the keys at this address."""
    port, log = free_port(), folder / "log.txt"
    command = program(folder, port)
    variables = {"LAYER_JWKS_URL": jwks, "LAYER_PROVIDER_ID": PROVIDER}
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(PORT=str(port), **variables),
            stdout=output,
            stderr=output,
        )
        try:
            wait_for(port, process, log)
            yield Chat(port)
        finally:
            process.terminate()
            process.wait(timeout=30)


@pytest.fixture(params=[django, pyjwt, node], ids=lambda program: program.__name__)
def program(request):
    return request.param


@pytest.fixture
def folder(request, program, tmp_path):
    """A folder for the program, with the packages that it needs."""
    if program is not node:
        return tmp_path
    own = Path(request.getfixturevalue("jose")) / tmp_path.name  # below node_modules
    own.mkdir()
    return own


@pytest.fixture
def jwks(live_server, key):
    return f"{live_server.url}/layer/jwks.json?app_id={APP_ID}"


@pytest.fixture
def chat(jwks, program, folder):
    with running(program, folder, jwks) as served:
        yield served


@pytest.fixture
def issue(alice):
    """Return the endpoint's identity token for Alice and a nonce."""
    phone = APIClient()
    phone.force_authenticate(alice)
    return lambda nonce: phone.post(AUTHENTICATE, {"nonce": nonce}).json()[
        "identity_token"
    ]


def pem(name):
    return (VECTORS / f"{name}_private_key.pem").read_text()


def public_jwk(private_pem):
    private = load_pem_private_key(private_pem.encode(), None)
    return RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)


def forge(nonce, private_key, header=None, algorithm="RS256", **changes):
    now = datetime.now(timezone.utc)
    claims = {
        "iss": PROVIDER,
        "prn": "alice",
        "iat": now,
        "exp": now + timedelta(minutes=5),
        "nce": nonce,
        **changes,
    }
    return jwt.encode(
        without_none(claims),
        private_key,
        algorithm,
        without_none({**HEADER, **(header or {})}),
    )


def without_none(values):
    return {name: value for name, value in values.items() if value is not None}


def test_a_token_opens_one_session_which_can_end(chat, issue):
    token = issue(chat.nonce())

    status, body = chat.open(token)
    session = body["session_token"]

    assert status == 201
    assert chat.me(session) == (200, {"user_id": "alice"})
    assert chat.open(token) == REFUSED
    assert chat.send("DELETE", f"/sessions/{session}") == (204, None)
    assert chat.me(session) == (401, {"error": "Log in first."})


def test_of_simultaneous_requests_with_a_token_one_opens_a_session(chat, issue):
    # A first login, so that the chat server has the keys: the threads of Django's test
    # server share one connection, which cannot serve simultaneous requests for them.
    assert chat.open(issue(chat.nonce()))[0] == 201
    token = issue(chat.nonce())

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(
            status for status, _ in pool.map(lambda _: chat.open(token), range(16))
        )

    assert statuses == [201] + [422] * 15


def test_nonces_differ_and_have_32_bytes(chat):
    nonces = {chat.nonce() for _ in range(5)}

    assert [len(nonce) for nonce in nonces] == [43] * 5  # in unpadded Base64


def test_forged_and_damaged_tokens_are_refused_and_do_not_use_up_the_nonce(chat, issue):
    nonce = chat.nonce()
    real = issue(nonce)
    own, other = pem("first"), pem("second")
    hour = timedelta(hours=1)
    now = datetime.now(timezone.utc)
    header, payload, signature = real.split(".")

    forged = {
        "other key": forge(nonce, other),
        "unknown kid": forge(nonce, own, {"kid": "layer:///keys/unknown"}),
        "no kid": forge(nonce, own, {"kid": None}),
        "key in the header": forge(nonce, other, {"jwk": public_jwk(other)}),
        "not an identity token": forge(nonce, own, {"cty": "other"}),
        "PS256": forge(nonce, own, algorithm="PS256"),
        "no signature": forge(nonce, None, algorithm="none"),
        "other issuer": forge(nonce, own, iss="layer:///providers/other"),
        "expired": forge(nonce, own, iat=now - hour, exp=now - hour / 2),
        "from the future": forge(nonce, own, iat=now + hour, exp=now + 2 * hour),
        "no expiry": forge(nonce, own, exp=None),
        "no user": forge(nonce, own, prn=None),
        "no nonce": forge(nonce, own, nce=None),
        "a number as user": forge(nonce, own, prn=42),
        "an empty user": forge(nonce, own, prn=""),
        "a list as nonce": forge(nonce, own, nce=[nonce]),
        "changed": f"{header}.{payload}.{signature[::-1]}",
        "unsigned": f"{header}.{payload}.",
        "no token": "",
        "number": 5,
        "null": None,
        "list": [real],
    }
    answers = {name: chat.open(token) for name, token in forged.items()}

    assert answers == dict.fromkeys(forged, REFUSED)
    assert chat.open(real)[0] == 201


def test_the_public_key_is_no_secret_of_hs256(chat, key):
    nonce = chat.nonce()
    header, payload, _ = forge(nonce, "x" * 32, algorithm="HS256").split(".")
    secret = key.public_key.encode()
    digest = hmac.new(secret, f"{header}.{payload}".encode(), hashlib.sha256).digest()
    signature = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    assert chat.open(f"{header}.{payload}.{signature}") == REFUSED


def test_a_nonce_of_another_server_is_refused(chat, issue):
    assert chat.open(issue("x" * 43)) == REFUSED


def test_a_body_without_a_token_is_refused(chat):
    bodies = ["", "{", "null", "[]", "{}", '"text"', "\xff", "[" * 9999]

    answers = [
        chat.send("POST", "/sessions", body.encode("latin-1")) for body in bodies
    ]

    assert answers == [REFUSED] * len(bodies)


def test_an_expired_nonce_is_refused(jwks, issue, program, folder, monkeypatch):
    for name, code in CODE.items():
        at_once = re.sub(r"\b(NONCE_\w+) = 10 \* 60( \* 1000)?", r"\1 = -1", code)
        monkeypatch.setitem(CODE, name, at_once)

    with running(program, folder, jwks) as chat:
        assert chat.open(issue(chat.nonce())) == REFUSED


def test_without_the_public_keys_no_token_is_judged(
    live_server, key, issue, program, folder
):
    with running(program, folder, f"{live_server.url}/nothing") as chat:
        status, body = chat.open(issue(chat.nonce()))

    assert (status, body) == (503, {"error": "Try again later."})


def test_made_up_sessions_are_refused(chat):
    assert chat.me("made-up")[0] == 401
    assert chat.send("GET", "/me")[0] == 401
