"""External clients of the server, each with its own connection."""

from __future__ import annotations

import base64
import json
import secrets
import time
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from uuid import uuid4

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token

from django_layer_identity import keyring
from django_layer_identity.models import LayerApp

URL = "/layer/authenticate"


@dataclass(frozen=True)
class Answer:
    """An answer, and the time of the request by the monotonic clock."""

    asked_at: float
    status: int  # 0 if the connection broke
    body: dict

    @property
    def code(self):
        return "issued" if self.status == 200 else self.body.get("code", "no JSON")


def new_nonce():
    """Return a nonce in Layer's format: 64 bytes in Base64."""
    return base64.b64encode(secrets.token_bytes(64)).decode()


class Phone:
    """Request tokens for a user; must be closed."""

    def __init__(self, address, token=None, source="127.0.0.1", url=URL, **headers):
        self.address, self.url = address, url
        self.connection = HTTPConnection(
            *address, timeout=60, source_address=(source, 0)
        )
        self.headers = {"Content-Type": "application/json", **headers}
        if token:
            self.log_in(token)

    def log_in(self, token):
        self.headers["Authorization"] = f"Token {token}"

    def log_out(self):
        del self.headers["Authorization"]

    def close(self):
        self.connection.close()

    def ask(self, nonce=None, **parameters):
        """Post the parameters as JSON, with a new nonce by default."""
        body = {"nonce": nonce or new_nonce(), **parameters}
        return self.send(json.dumps(body))

    def send(self, body, method="POST", **headers):
        """Send any body."""
        asked_at = time.monotonic()
        try:
            self.connection.request(method, self.url, body, {**self.headers, **headers})
            response = self.connection.getresponse()
            text = response.read()
        except (HTTPException, OSError) as exc:
            self.connection.close()  # the next request opens a new connection
            return Answer(asked_at, 0, {"code": type(exc).__name__})
        return Answer(asked_at, response.status, _read(response, text))


def _read(response, text):
    if response.headers["Content-Type"] != "application/json":
        return {}
    return json.loads(text)


def phone(server, token=None, **headers):
    """Return a client for a ``with`` statement."""
    return closing(Phone(server.address, token, **headers))


def create_app():
    """Create a Layer app with an active key in the database that the router selects."""
    app = LayerApp.objects.create(name="M", app_id=uuid4(), provider_id=uuid4())
    keyring.generate_private_key(app, key_id=uuid4(), activate=True)
    return app


def create_users(using, *names, password=None):
    """Create users and return a REST framework token for each."""
    stored = make_password(password)
    users = [User(username=name, password=stored) for name in names]
    User.objects.using(using).bulk_create(users)
    tokens = [Token(key=secrets.token_hex(20), user=user) for user in users]
    Token.objects.using(using).bulk_create(tokens)
    return [token.key for token in tokens]
