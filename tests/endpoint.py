"""Requests to the endpoint, and the answers that tests expect."""

from __future__ import annotations

import json
import re

import jwt
from rest_framework.test import APIClient

URL = "/layer/authenticate"
NONCE = (  # 64 bytes in standard Base64, like Layer's nonces
    "+w4hNEdabYCTprnM3/IFGCs+UWR3ip2ww9bp/A8iNUhbboGUp7rN4PMGGSw/UmV4i56xxNfq/RAjNklcb4KVqA=="
)
ALICE = {"username": "alice", "password": "wonderland"}
BOB = {"username": "bob", "password": "builder"}
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
#: The last sentence of the two authentication refusals; tests/api/test_schemes.py tests it.
KIND = r"(?:session cookie|password in the body|“Authorization: \w+ …”)"
ACCEPTED = re.compile(rf" Accepted: {KIND}(?:, {KIND})*\.")
BASE64 = "Content-Transfer-Encoding: base64"


def phone_of(user):
    """Return a client that is authenticated without a query."""
    client = APIClient()
    client.force_authenticate(user)
    return client


def ask(user, /, **parameters):
    """Post the parameters as JSON, authenticated as the user."""
    return phone_of(user).post(URL, parameters, format="json")


def log_in(client, body, headers=None):
    """Post the body and a nonce as JSON."""
    data = json.dumps({"nonce": NONCE, **body})
    return client.post(URL, data, JSON, headers=headers)


def read(response):
    """
    Return status and body; check that the answer is JSON with ``no-store``.

    The list of accepted credentials is left out.
    """
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "no-store"
    body = json.loads(response.content)
    if body.get("code") in ("not_authenticated", "authentication_failed"):
        for name in ("detail", "error"):
            body[name] = ACCEPTED.sub("", body[name])
    return response.status_code, body


def part(disposition, value, *headers):
    lines = [f"Content-Disposition: form-data; {disposition}", *headers, "", value]
    return "--b\r\n" + "\r\n".join(lines) + "\r\n"


def multipart(*parts):
    return "".join(parts) + "--b--\r\n"


def refusal(status, code, detail, **more):
    body = {"code": code, "detail": detail, "error": detail, "status": status}
    return status, {**body, **more}


def not_authenticated(status=403, accepted=""):
    return refusal(
        status,
        "not_authenticated",
        f"Log in first: the request has no valid credentials.{accepted}",
    )


def authentication_failed(status=403):
    return refusal(
        status,
        "authentication_failed",
        "The credentials sent with the request were not accepted. Log in again.",
    )


def parse_error(detail):
    return refusal(400, "parse_error", detail)


def decode(token, key):
    """Return the claims; PyJWT verifies the signature with the public key."""
    return jwt.decode(token, key.public_key, algorithms=["RS256"])


def configure(settings, **changes):
    """Change some keys of ``LAYER_IDENTITY``."""
    settings.LAYER_IDENTITY = {**settings.LAYER_IDENTITY, **changes}
