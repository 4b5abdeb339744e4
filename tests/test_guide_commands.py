"""The commands of the guides on keys, in the order in which a reader uses them."""

from __future__ import annotations

import shlex

import pytest
from django.core.management import CommandError, call_command

from django_layer_identity.issuing import issue_identity_token
from django_layer_identity.models import SigningKey
from tests.endpoint import NONCE, ask, configure, read
from tests.guide_pages import commands
from tests.internals import clear_loaded_keys
from tests.key_pairs import VECTORS

NEW, OLD = "5f0c1a2b", "4f0c9d8e"  # fingerprints on the pages


@pytest.fixture
def run(key, capsys, tmp_path, monkeypatch):
    """Return a function that runs a command and compares what it prints."""
    monkeypatch.chdir(tmp_path)

    def run(command, output):
        line = command.replace(OLD, key.fingerprint[:8])
        if NEW in line:
            new = SigningKey.objects.exclude(pk=key.pk).get()
            line = line.replace(NEW, new.fingerprint[:8])
        call_command(*shlex.split(line.partition(" > ")[0])[2:])
        printed = capsys.readouterr().out
        assert printed == f"{output}\n" or not output
        return printed

    return run


def states():
    return [key.state.value for key in SigningKey.objects.order_by("pk")]


def test_the_guide_rotates_a_key_and_goes_back(run, key, alice):
    generate, set_id, activate, destroy, go_back, *see = commands("rotate-a-key")

    for command in (generate, set_id, activate):
        run(*command)
    assert states() == ["retired", "active"]

    run(*go_back)
    assert states() == ["active", "retired"]

    for command in (activate, destroy):
        run(*command)
    with pytest.raises(CommandError, match="destroyed"):
        run(*go_back)
    assert read(ask(alice, nonce=NONCE))[0] == 200
    assert [run(*command) != "" for command in see] == [True, True]


def test_the_guide_revokes_a_leaked_key(run, capsys, key, alice, tmp_path):
    activate, revoke, see, explain = commands("leaked-key")
    (tmp_path / "old_token.txt").write_text(issue_identity_token(alice, NONCE).token)
    for command in commands("rotate-a-key")[:2]:
        run(*command)

    run(*activate)
    run(*revoke)

    assert states() == ["revoked", "active"]
    assert "revoked" in run(*see)
    with pytest.raises(CommandError, match="Layer would refuse this token"):
        run(*explain)
    assert "(eit_key_disabled)" in capsys.readouterr().out


@pytest.mark.django_db
def test_the_guide_restores_a_key_after_a_lost_secret(
    run, settings, capsys, key, alice, tmp_path
):
    check, generate, import_again, *see = commands("lost-secret")
    (tmp_path / "private_key.pem").write_bytes(
        (VECTORS / "first_private_key.pem").read_bytes()
    )
    configure(settings, KEY_ENCRYPTION_KEYS=[])
    clear_loaded_keys()
    run(*check)
    assert read(ask(alice, nonce=NONCE))[1]["code"] == "signing_failed"

    configure(settings, KEY_ENCRYPTION_KEYS=[run(*generate).strip()])
    run(*import_again)

    assert read(ask(alice, nonce=NONCE))[0] == 200
    for command in see:
        assert "cannot be decrypted" not in run(*command)


@pytest.mark.parametrize("name", ["backups", "deployment"])
def test_the_other_commands_on_keys_succeed(run, name):
    ours = [command for command in commands(name) if " layer_" in command[0]]

    assert [run(*command) != "" for command in ours] == [True] * len(ours)
    assert ours != []
