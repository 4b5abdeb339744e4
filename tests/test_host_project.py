"""The project for the type checkers also runs."""

from __future__ import annotations

from base64 import b64encode

import pytest
from django.contrib.auth.models import User
from django.test import RequestFactory

from tests.endpoint import NONCE, configure, decode, read
from tests.host_project import identity, receivers, tokens

NAMES = {"display_name": "alice", "first_name": "Alice", "last_name": "Liddell"}


@pytest.fixture(autouse=True)
def _host_project(settings):
    settings.ROOT_URLCONF = "tests.host_project.urls"
    configure(settings, **identity.LAYER_IDENTITY)
    receivers.connect()
    yield
    receivers.disconnect()
    receivers.outcomes.clear()


@pytest.fixture
def alice(alice):
    alice.first_name, alice.last_name = "Alice", "Liddell"
    alice.save()
    return alice


@pytest.mark.parametrize("path", ["/chat", "/chat/all-users"])
def test_a_subclass_of_the_view_answers(client, key, alice, path):
    client.force_login(alice)

    response = client.post(path, {"nonce": NONCE})

    status, body = read(response)
    claims = decode(body["identity_token"], key)
    assert (status, response["X-Chat"]) == (200, "yes")
    assert claims["prn"] == f"user-{alice.pk}"
    assert {name: claims[name] for name in NAMES} == NAMES
    assert receivers.outcomes == ["alice entered Messenger"]


def test_the_view_answers_with_other_classes(client, key, alice):
    code = b64encode(b"alice:wonderland").decode()
    headers = {"Authorization": f"Basic {code}", "User-Agent": "kiosk"}

    status, body = read(client.post("/partners", {"nonce": NONCE}, headers=headers))

    assert status == 200
    assert "last_name" not in decode(body["identity_token"], key)


def test_a_request_without_credentials_is_refused(client, key):
    assert read(client.post("/chat", {"nonce": NONCE}))[0] == 403
    assert receivers.outcomes == ["not_authenticated"]


def test_a_token_is_issued_in_python(key, alice):
    issued = tokens.issue(alice, NONCE, RequestFactory().get("/"))

    assert issued.user_id == f"user-{alice.pk}"
    assert tokens.try_to_issue(alice, NONCE)[0].count(".") == 2


def test_a_refusal_is_caught_in_python(key):
    root = User.objects.create_superuser("root")

    code = tokens.try_to_issue(root, NONCE)[0]

    assert code == "user_id_unavailable: Administrators do not chat."
