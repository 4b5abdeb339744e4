"""``layer_key_import``: files, standard input, passphrases."""

from __future__ import annotations

import io
import json
import traceback
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from django.core.management import CommandError, call_command

from django_layer_identity.models import SigningKey
from tests import internals
from tests.conftest import APP_ID, KEY_ID
from tests.keys.test_rsa import PKCS8, as_pem

NEEDED = (
    "This private key is encrypted. Use --passphrase-file to name the file that holds "
    "its passphrase."
)


@pytest.fixture
def run(capsys):
    """Call a command; return what it prints, without the last line break."""

    def call(*args):
        call_command(*args)
        return capsys.readouterr().out.removesuffix("\n")

    return call


@pytest.fixture
def pem_file(tmp_path, private_key):
    path = tmp_path / "private_key.pem"
    path.write_text(as_pem(private_key))
    return str(path)


@pytest.fixture
def encrypted_file(tmp_path, private_key):
    path = tmp_path / "encrypted.pem"
    path.write_text(as_pem(private_key, PKCS8, BestAvailableEncryption(b"open sesame")))
    return str(path)


@pytest.fixture
def passphrase_file(tmp_path):
    path = tmp_path / "passphrase"
    path.write_text("open sesame\n")
    return str(path)


def error(*args):
    with pytest.raises(CommandError) as caught:
        call_command(*args)
    return str(caught.value)


def standard_input(text, terminal=False):
    stream = io.TextIOWrapper(io.BytesIO(text.encode()))
    stream.isatty = lambda: terminal
    return stream


def test_key_import_prints_the_fingerprint(run, app, pem_file, private_key):
    assert run("layer_key_import", "--app", str(APP_ID), pem_file) == (
        private_key.fingerprint
    )
    assert SigningKey.objects.get().state == "draft"


def test_key_import_sets_the_key_id_and_activates(run, app, pem_file):
    run("layer_key_import", "--key-id", str(KEY_ID), "--activate", pem_file)

    assert SigningKey.objects.get().state == "active"


def test_key_import_reads_standard_input(run, app, private_key, monkeypatch):
    monkeypatch.setattr("sys.stdin", standard_input(as_pem(private_key)))

    assert run("layer_key_import", "-") == private_key.fingerprint


def test_key_import_accepts_a_byte_order_mark(run, app, pem_file, private_key):
    text = Path(pem_file).read_text()
    Path(pem_file).write_text(text, encoding="utf-8-sig")

    assert run("layer_key_import", pem_file) == private_key.fingerprint


def test_key_import_prints_json_for_scripts(run, app, pem_file, private_key):
    printed = run("layer_key_import", "--key-id", str(KEY_ID), "--json", pem_file)

    assert json.loads(printed) == {
        "fingerprint": private_key.fingerprint,
        "state": "ready",
        "key_id": f"layer:///keys/{KEY_ID}",
        "public_key": private_key.public_key.pem,
    }


def test_key_import_asks_to_delete_the_file(app, pem_file, capsys):
    call_command("layer_key_import", pem_file)

    assert capsys.readouterr().err == (
        "The key is draft, so it signs nothing yet. Next: layer_key_set_id 40293bb4 UUID, "
        "then layer_key_activate 40293bb4. Delete the file that you imported.\n"
    )


def test_key_import_stores_nothing_if_the_key_cannot_be_activated(app, pem_file):
    assert error("layer_key_import", "--activate", pem_file) == (
        "Enter a key ID for this key first (layer_key_set_id)."
    )
    assert not SigningKey.objects.exists()


def test_key_import_refuses_a_missing_file(app, tmp_path):
    path = tmp_path / "nowhere.pem"

    assert error("layer_key_import", str(path)) == (
        f"{path} cannot be read: No such file or directory."
    )


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("-----BEGIN PRIVATE KEY-----", "No such file or directory"),
        ("two\nlines", "No such file or directory"),
        ("x" * 256, "File name too long"),
    ],
    ids=["pem", "lines", "long"],
)
@pytest.mark.parametrize("command", ["layer_key_import", "layer_user_import"])
def test_messages_do_not_repeat_text_given_instead_of_a_file(
    app, command, written, reason
):
    with pytest.raises(CommandError) as caught:
        call_command(command, "--", written)

    assert str(caught.value) == f"FILE cannot be read: {reason}."
    assert written not in "".join(traceback.format_exception(caught.value))


def test_key_import_reads_der(run, app, tmp_path, private_key):
    path = tmp_path / "key.der"
    path.write_bytes(private_key.to_der())

    assert run("layer_key_import", str(path)) == private_key.fingerprint


def test_key_import_does_not_read_large_files_completely(app, tmp_path):
    path = tmp_path / "large"
    path.write_text("x" * 100_000)

    assert error("layer_key_import", str(path)) == (
        "This is too long for a private key. The limit is 16 KiB."
    )


def test_key_import_needs_an_app(db, pem_file):
    assert error("layer_key_import", pem_file) == (
        "There is no Layer app. Create one in the admin or with layer_app_create."
    )


# Encrypted keys


@pytest.fixture
def prompts(monkeypatch):
    """The prompts that the command shows. The answer is the right passphrase."""
    prompts = []

    def getpass(prompt):
        prompts.append(prompt)
        return "open sesame"

    monkeypatch.setattr(internals.ASK_PASSPHRASE, getpass)
    return prompts


def test_key_import_reads_the_passphrase_from_a_file(
    run, app, encrypted_file, passphrase_file, private_key
):
    printed = run(
        "layer_key_import", "--passphrase-file", passphrase_file, encrypted_file
    )

    assert printed == private_key.fingerprint


def test_white_space_around_the_passphrase_in_a_file_does_not_count(
    run, app, encrypted_file, passphrase_file, private_key
):
    Path(passphrase_file).write_text(" \topen sesame \r\n\n")

    printed = run(
        "layer_key_import", "--passphrase-file", passphrase_file, encrypted_file
    )

    assert printed == private_key.fingerprint


def test_key_import_reads_the_passphrase_from_standard_input(
    run, app, encrypted_file, private_key, monkeypatch
):
    monkeypatch.setattr("sys.stdin", standard_input("open sesame\r\n"))

    printed = run("layer_key_import", "--passphrase-file", "-", encrypted_file)

    assert printed == private_key.fingerprint


def test_key_import_asks_for_the_passphrase_on_a_terminal(
    run, app, encrypted_file, private_key, monkeypatch, prompts
):
    monkeypatch.setattr("sys.stdin", standard_input("", terminal=True))

    assert run("layer_key_import", encrypted_file) == private_key.fingerprint
    assert prompts == ["Passphrase of the private key: "]


def test_key_import_does_not_ask_for_a_passphrase_if_none_is_needed(
    run, app, pem_file, monkeypatch, prompts
):
    monkeypatch.setattr("sys.stdin", standard_input("", terminal=True))

    run("layer_key_import", pem_file)

    assert prompts == []


def test_key_import_does_not_ask_for_a_passphrase_without_a_terminal(
    app, encrypted_file, monkeypatch, prompts
):
    monkeypatch.setattr("sys.stdin", standard_input(""))

    assert error("layer_key_import", encrypted_file) == NEEDED
    assert prompts == []


@pytest.mark.parametrize("blank", ["", " \n"])
def test_key_import_refuses_a_blank_passphrase_file(
    app, encrypted_file, passphrase_file, blank, monkeypatch, prompts
):
    monkeypatch.setattr("sys.stdin", standard_input("", terminal=True))
    Path(passphrase_file).write_text(blank)

    message = error(
        "layer_key_import", "--passphrase-file", passphrase_file, encrypted_file
    )

    assert message == "The file of --passphrase-file is empty."
    assert prompts == []


def test_key_import_refuses_a_wrong_passphrase(app, encrypted_file, pem_file):
    assert error("layer_key_import", "--passphrase-file", pem_file, encrypted_file) == (
        "The passphrase is wrong, or the private key is damaged. Check both."
    )
    assert not SigningKey.objects.exists()


def test_key_import_refuses_a_binary_passphrase_file(app, encrypted_file, tmp_path):
    path = tmp_path / "passphrase"
    path.write_bytes(b"\xff")

    message = error("layer_key_import", "--passphrase-file", str(path), encrypted_file)

    assert message == "The file of --passphrase-file is not text in UTF-8."


def test_messages_do_not_repeat_a_passphrase_given_instead_of_its_file(
    app, encrypted_file
):
    written = "open sesame"
    with pytest.raises(CommandError) as caught:
        call_command("layer_key_import", "--passphrase-file", written, encrypted_file)

    assert str(caught.value) == (
        "The file of --passphrase-file cannot be read: No such file or directory."
    )
    assert written not in "".join(traceback.format_exception(caught.value))


def test_key_import_refuses_key_and_passphrase_from_standard_input(app):
    assert error("layer_key_import", "--passphrase-file", "-", "-") == (
        "Standard input can be either the key or the passphrase, not both."
    )
