from __future__ import annotations

import base64
import json
import shlex
import subprocess
import sys

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from tests.endpoint import ALICE, JSON, NONCE, URL, read
from tests.guide_pages import blocks, commands

ALICES_ID = "9a6f3c1e-7d52-4b8a-b0c4-2f1e5d6a7b88"


def test_only_the_deployment_is_left_to_configure(warnings):
    assert warnings == ["layer_identity.W041", "layer_identity.W040"]


@pytest.fixture
def imported(app, alice, tmp_path, monkeypatch, capsys):
    """Alice and Bob, after the guide's commands; what these printed as in the guide."""
    User.objects.create(username="bob")
    [table] = [code for _, caption, code in blocks("moving") if caption == "users.csv"]
    (tmp_path / "users.csv").write_text(table)
    monkeypatch.chdir(tmp_path)
    for line, printed in commands("moving")[1:]:
        call_command(*shlex.split(line)[2:])
        assert capsys.readouterr().out == f"{printed}\n"


def test_the_id_in_a_token_of_the_old_server_is_printed():
    claims = json.dumps({"prn": ALICES_ID}).encode()
    content = base64.urlsafe_b64encode(claims).rstrip(b"=").decode()
    line, printed = commands("moving")[0]
    _python, *arguments = shlex.split(line.removesuffix(" < token.txt"))

    done = subprocess.run(
        [sys.executable, *arguments],
        input=f"eyJ9.{content}.c2ln\n",
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == f"{printed}\n" == f"{ALICES_ID}\n"


def test_a_user_of_the_old_server_keeps_the_id(imported, key, client):
    body = json.dumps({"nonce": NONCE, **ALICE})

    status, answer = read(client.post(URL, body, JSON))

    assert (status, answer["user_id"]) == (200, ALICES_ID)


def test_a_client_that_computes_another_id_is_refused(imported, key, client):
    body = json.dumps({"nonce": NONCE, "user": ALICE, "user_id": "alice"})

    status, answer = read(client.post(URL, body, JSON))

    assert (status, answer["code"]) == (403, "user_id_mismatch")
    assert answer["user_id"] == ALICES_ID
