"""Refusals of a real server: HTTP/1.0, HEAD, bodies that are not read."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from http.client import HTTPResponse
from urllib.parse import quote

import pytest

from django_layer_identity.models import LayerApp, SigningKey
from tests.conftest import APP_ID, KEY_ID, PROVIDER_ID
from tests.endpoint import FORM, JSON, not_authenticated, parse_error, refusal
from tests.server.clients import URL, create_users, new_nonce
from tests.server.process import database, identity, serve
from tests.services import routing
from tests.services.conftest import need

pytestmark = [
    pytest.mark.service,
    pytest.mark.django_db(transaction=True, databases=["default", "postgresql"]),
]
METHOD_NOT_ALLOWED = refusal(405, "method_not_allowed", "Only POST is allowed here.")
TOO_LARGE = refusal(413, "body_too_large", "The body must not be larger than 16 KiB.")
UNSUPPORTED = refusal(
    415,
    "unsupported_media_type",
    "Send application/json, a form or multipart/form-data, and no Content-Encoding.",
)


class Wire:
    """Send requests to the server byte for byte."""

    def __init__(self, address, token):
        self.address, self.token = address, token

    def send(self, request):
        """Return the status, the headers and the body of the answer."""
        with closing(socket.create_connection(self.address, timeout=30)) as connection:
            connection.sendall(request)
            response = HTTPResponse(connection, method=request.split()[0].decode())
            response.begin()
            return response.status, response.headers, response.read()

    def ask(self, method="POST", body=None, *, version="1.1", **headers):
        """Check the headers; return the status and the JSON."""
        status, found, answer = self.send(self.request(method, body, version, headers))
        assert found["Content-Type"] == "application/json"
        assert found["Cache-Control"] == "no-store"
        return status, json.loads(answer) if answer else None

    def request(self, method, body, version, headers):
        body = (json.dumps({"nonce": new_nonce()}) if body is None else body).encode()
        sent = {
            "Host": "127.0.0.1",
            "Authorization": f"Token {self.token}",
            "Content-Type": JSON,
            "Content-Length": str(len(body)),
            "Connection": "close",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        lines = [
            f"{name}: {value}" for name, value in sent.items() if value is not None
        ]
        head = "\r\n".join([f"{method} {URL} HTTP/{version}", *lines, "", ""])
        return head.encode() + body


@pytest.fixture(scope="module")
def _server(django_db_setup, django_db_blocker):
    need("postgresql")
    with django_db_blocker.unblock():
        databases = database("postgresql")
    with serve(workers=1, DATABASES=databases, LAYER_IDENTITY=identity()) as server:
        yield server


@pytest.fixture
def wire(_server, private_key):
    """A connection with Alice's token to a server with an active key."""
    chosen = routing.database.set("postgresql")
    app = LayerApp.objects.create(name="M", app_id=APP_ID, provider_id=PROVIDER_ID)
    key = SigningKey.from_private_key(app, private_key, key_id=KEY_ID)
    key.save()
    key.activate()
    [token] = create_users("postgresql", "alice")
    yield Wire(_server.address, token)
    routing.database.reset(chosen)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_token_is_issued(wire, version):
    status, body = wire.ask(version=version)

    assert (status, body["user_id"]) == (200, "alice")


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_request_without_credentials_is_refused(wire, version):
    refused = not_authenticated(401, " Accepted: “Authorization: Token …”.")

    assert wire.ask(version=version, Authorization=None) == refused


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "PUT", "DELETE", "TRACE", "BREW"])
def test_other_methods_are_refused(wire, method):
    assert wire.ask(method) == METHOD_NOT_ALLOWED


def test_head_is_refused_without_a_body(wire):
    assert wire.ask("HEAD", "") == (405, None)


def test_a_method_is_not_overridden(wire):
    overrides = {"X_HTTP_Method_Override": "POST", "X_Method_Override": "POST"}

    assert wire.ask("GET", **overrides) == METHOD_NOT_ALLOWED
    assert wire.ask("POST", X_HTTP_Method_Override="DELETE")[0] == 200


@pytest.mark.parametrize("charset", ["punycode", "utf-8", "idna", "zlib_codec"])
def test_600_kilobytes_are_refused(wire, charset):
    typed = f"{JSON}; charset={charset}"

    assert wire.ask(body="a" * 600_000, Content_Type=typed) == TOO_LARGE


def test_a_truncated_body_is_refused(wire):
    request = wire.request("POST", "{", "1.1", {"Content_Length": "50"})
    with closing(socket.create_connection(wire.address, timeout=30)) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        response = HTTPResponse(connection)
        response.begin()

        assert (response.status, json.loads(response.read())["code"]) == (
            400,
            "parse_error",
        )


def test_a_body_in_chunks_needs_a_length(wire):
    chunks = '10\r\n{"nonce": "abc"}\r\n0\r\n\r\n'

    answer = wire.ask(body=chunks, Content_Length=None, Transfer_Encoding="chunked")

    assert answer == refusal(
        411, "length_required", "Send the body with a Content-Length, not in chunks."
    )


def test_an_encoded_body_is_refused(wire):
    assert wire.ask(Content_Encoding="gzip") == UNSUPPORTED


@pytest.mark.parametrize(
    "charset", ["utf-7", "zlib_codec", "base64", "idna", "punycode"]
)
def test_a_codec_is_refused_as_a_charset(wire, charset):
    typed = f"{FORM}; charset={charset}"

    answer = wire.ask(body=f"nonce={quote(new_nonce())}", Content_Type=typed)

    assert answer == parse_error("The body's charset must be UTF-8.")


def test_a_value_in_the_body_cannot_split_a_header(wire):
    split = "x\\r\\nSet-Cookie: a=b"

    status, headers, body = wire.send(
        wire.request("POST", f'{{"nonce": "{split}", "user_id": "{split}"}}', "1.1", {})
    )

    assert status == 400
    assert "Set-Cookie" not in headers
    assert json.loads(body)["code"] == "nonce_invalid"
