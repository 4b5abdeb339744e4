"""The commands that change, list and re-encrypt signing keys."""

from __future__ import annotations

import io
import json
import sys
from datetime import datetime, timedelta, timezone

import pytest
from django.core.management import (
    CommandError,
    call_command,
    execute_from_command_line,
    load_command_class,
)

from django_layer_identity.models import LayerApp, SigningKey
from tests.conftest import APP_ID, KEY_ID, OTHER_KEY_ID, PROVIDER_ID
from tests.endpoint import configure
from tests.internals import clear_loaded_keys

OLD = "an old entry of more than thirty-two characters"
NEW = "a new entry of more than thirty-two characters"


@pytest.fixture
def run(capsys):
    """Call a command; return what it prints, without the last line break."""

    def call(*args):
        call_command(*args)
        return capsys.readouterr().out.removesuffix("\n")

    return call


def error(*args):
    with pytest.raises(CommandError) as caught:
        call_command(*args)
    return str(caught.value)


def test_key_set_id_prints_the_new_state(run, app, private_key):
    SigningKey.from_private_key(app, private_key).save()

    fingerprint = private_key.fingerprint[:8]
    assert run("layer_key_set_id", fingerprint, str(KEY_ID)) == "ready"
    assert SigningKey.objects.get().key_id == KEY_ID


def test_key_activate_prints_the_new_state(run, app, private_key):
    SigningKey.from_private_key(app, private_key, key_id=KEY_ID).save()

    assert run("layer_key_activate", f"layer:///keys/{KEY_ID}") == "active"


def test_a_key_of_two_apps_needs_the_app(run, key, private_key):
    other = LayerApp.objects.create(
        name="T", app_id=OTHER_KEY_ID, provider_id=PROVIDER_ID
    )
    SigningKey.from_private_key(other, private_key, key_id=KEY_ID).save()

    assert error("layer_key_activate", str(KEY_ID)) == (
        f"Several signing keys match {str(KEY_ID)!r}. Name the Layer app too."
    )
    assert (
        run("layer_key_activate", "--app", str(OTHER_KEY_ID), str(KEY_ID)) == "active"
    )


def test_key_activate_refuses_an_unknown_key(key):
    assert error("layer_key_activate", str(OTHER_KEY_ID)) == (
        f"No signing key matches {str(OTHER_KEY_ID)!r}."
    )


def cells(table):
    lines = [line.split("  ") for line in table.splitlines()]
    return [[cell.strip() for cell in line if cell] for line in lines]


def test_key_list_prints_a_table(run, key, draft):
    SigningKey.objects.filter(pk=key.pk).update(
        created_at=datetime.now(timezone.utc) - timedelta(days=1, hours=1),
        last_used_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc),
    )

    app = f"layer:///apps/production/{APP_ID}"
    assert cells(run("layer_key_list")) == [
        ["STATE", "KEY ID", "FINGERPRINT", "BITS", "APP", "AGE", "LAST USED"],
        [
            *("active", f"layer:///keys/{KEY_ID}", key.fingerprint[:16], "2048"),
            *(app, "1 day", "2026-01-02T03:04:05+00:00"),
        ],
        ["draft", "-", draft.fingerprint[:16], "2048", app, "0 days", "-"],
    ]


def test_key_list_says_that_a_private_key_was_destroyed(run, key):
    key.retire()
    key.destroy_private_key()

    assert cells(run("layer_key_list"))[1][0] == "retired (destroyed)"


def iso(time):
    return f"{time:%Y-%m-%dT%H:%M:%S}+00:00"


def test_key_list_prints_json_for_scripts(run, key):
    key.revoke("leaked")

    assert json.loads(run("layer_key_list", "--json")) == [
        {
            "state": "revoked",
            "key_id": f"layer:///keys/{KEY_ID}",
            "fingerprint": key.fingerprint,
            "bits": 2048,
            "app_id": f"layer:///apps/production/{APP_ID}",
            "signer": None,
            "lacks_encryption_key": False,
            "created_at": iso(key.created_at),
            "tested_at": iso(key.tested_at),
            "activated_at": iso(key.activated_at),
            "last_used_at": None,
            "retired_at": None,
            "revoked_at": iso(key.revoked_at),
            "destroyed_at": iso(key.destroyed_at),
            "revocation_reason": "leaked",
        }
    ]


def test_key_list_says_which_keys_cannot_be_decrypted(key, settings, capsys):
    configure(settings, KEY_ENCRYPTION_KEYS=["another entry of forty characters, new"])

    call_command("layer_key_list", json=True)

    out, err = capsys.readouterr()
    assert json.loads(out)[0]["lacks_encryption_key"] is True
    assert err == (
        f"The key {KEY_ID} (Messenger, active) cannot be decrypted with the present "
        "KEY_ENCRYPTION_KEYS, so it cannot sign. Put the entry that encrypted it back "
        "into the list. If that entry is lost, import the same private key again, with "
        "“manage.py layer_key_import” or in the admin. If the private key is lost too, "
        "activate another key.\n"
    )


def test_a_revocation_says_that_the_active_key_cannot_be_decrypted(
    key, other, settings, capsys
):
    configure(settings, KEY_ENCRYPTION_KEYS=["another entry of forty characters, new"])

    call_command("layer_key_revoke", str(OTHER_KEY_ID), reason="leaked")

    assert (
        f"Messenger's active key, {KEY_ID}, cannot be decrypted: its users get no "
        "tokens.\n"
    ) in capsys.readouterr().err


def test_key_list_filters_by_app(run, key):
    LayerApp.objects.create(name="Test", app_id=KEY_ID, provider_id=PROVIDER_ID)

    assert run("layer_key_list", "--app", str(KEY_ID), "--json") == "[]"


# Lifecycle


def test_key_retire_prints_the_new_state(run, key):
    assert run("layer_key_retire", str(KEY_ID)) == "retired"


def test_key_revoke_prints_the_new_state(run, key):
    assert run("layer_key_revoke", str(KEY_ID), "--reason", "leaked") == "revoked"

    key.refresh_from_db()
    assert (key.revocation_reason, key.encrypted_private_key) == ("leaked", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Error: the following arguments are required: --reason"),
        (["--reason", " "], "Give a reason of 1 to 200 characters."),
    ],
)
def test_key_revoke_needs_a_reason(key, arguments, message):
    assert error("layer_key_revoke", str(KEY_ID), *arguments) == message
    assert SigningKey.objects.get().state == "active"


def test_key_destroy_prints_the_state(run, key):
    key.retire()

    assert run("layer_key_destroy", str(KEY_ID)) == "retired"
    assert SigningKey.objects.get().encrypted_private_key == ""


# What stops, and the question on a terminal

STOPS = "Messenger's users get no tokens until you activate another key.\n"
CANNOT_BE_UNDONE = "Revoking a key cannot be undone. "
DELETE_IT = (
    "Delete its public key from each verifier that has a copy of it: otherwise the tokens "
    "that it signed are accepted until they expire.\n"
)
NEVER_AGAIN = "This cannot be undone: the key can never be activated again.\n"
QUESTION = "Type 'yes' to continue, or 'no' to cancel: "


@pytest.fixture
def other(app, other_private_key):
    """A second key of the app, ready to be activated."""
    key = SigningKey.from_private_key(app, other_private_key, key_id=OTHER_KEY_ID)
    key.save()
    key.run_self_test()
    return key


def disable_app():
    LayerApp.objects.update(enabled=False)


def retire_key():
    SigningKey.objects.get(key_id=KEY_ID).retire()


def activate_other():
    SigningKey.objects.get(key_id=OTHER_KEY_ID).activate()


@pytest.mark.parametrize(
    ("prepare", "command", "remark"),
    [
        (None, ["retire"], STOPS),
        (disable_app, ["retire"], "Messenger is disabled: its users get no tokens.\n"),
        (
            None,
            ["revoke", "--reason", "leaked"],
            CANNOT_BE_UNDONE + STOPS + DELETE_IT,
        ),
        (
            retire_key,
            ["revoke", "--reason", "leaked"],
            f"{CANNOT_BE_UNDONE}Messenger has no active key: its users get no tokens.\n"
            + DELETE_IT,
        ),
        (
            activate_other,
            ["revoke", "--reason", "leaked"],
            f"{CANNOT_BE_UNDONE}Messenger still has its active key, {OTHER_KEY_ID}.\n"
            + DELETE_IT,
        ),
        (retire_key, ["destroy"], NEVER_AGAIN),
    ],
    ids=["retire", "disabled", "revoke", "no-active-key", "another", "destroy"],
)
def test_a_command_says_on_standard_error_what_stops(
    key, other, capsys, prepare, command, remark
):
    name, *options = command
    if prepare:
        prepare()

    call_command(f"layer_key_{name}", str(KEY_ID), *options)

    assert capsys.readouterr().err == remark


def test_an_activation_names_the_key_that_it_retires(key, other, capsys):
    call_command("layer_key_activate", str(OTHER_KEY_ID))

    assert capsys.readouterr() == ("active\n", f"The key {KEY_ID} was retired.\n")


def test_revoking_again_asks_nothing(key, capsys, terminal):
    key.revoke("leaked")
    terminal("")

    call_command("layer_key_revoke", str(KEY_ID), "--reason", "leaked")

    assert capsys.readouterr() == (
        "revoked\n",
        DELETE_IT,
    )


def test_destroying_again_says_that_nothing_was_changed(key, capsys):
    key.retire()
    key.destroy_private_key()

    call_command("layer_key_destroy", str(KEY_ID))

    assert capsys.readouterr() == (
        "retired\n",
        "The private key was already destroyed. Nothing was changed.\n",
    )


@pytest.fixture
def terminal(monkeypatch):
    """Replace standard input by a terminal on which somebody types this text."""

    def type_in(text):
        stdin = io.StringIO(text)
        stdin.isatty = lambda: True
        monkeypatch.setattr(sys, "stdin", stdin)

    return type_in


QUESTIONS = pytest.mark.parametrize(
    ("prepare", "command", "question"),
    [
        (None, ["retire"], STOPS),
        (None, ["revoke", "--reason", "leaked"], CANNOT_BE_UNDONE + STOPS),
        (retire_key, ["destroy"], NEVER_AGAIN),
    ],
    ids=["retire", "revoke", "destroy"],
)


@QUESTIONS
@pytest.mark.parametrize("answer", ["no\n", "y\n", "\n", ""])
def test_on_a_terminal_a_command_needs_a_yes(
    key, capsys, terminal, prepare, command, question, answer
):
    if prepare:
        prepare()
    before = list(SigningKey.objects.values())
    terminal(answer)
    name, *options = command

    message = error(f"layer_key_{name}", str(KEY_ID), *options)

    assert message == "Cancelled: nothing was changed."
    assert capsys.readouterr() == ("", question + QUESTION)
    assert list(SigningKey.objects.values()) == before


@QUESTIONS
def test_on_a_terminal_a_command_goes_on_after_a_yes(
    key, capsys, terminal, prepare, command, question
):
    if prepare:
        prepare()
    before = list(SigningKey.objects.values())
    terminal("yes\n")
    name, *options = command

    call_command(f"layer_key_{name}", str(KEY_ID), *options)

    assert capsys.readouterr().err.startswith(question + QUESTION)
    assert list(SigningKey.objects.values()) != before


@QUESTIONS
@pytest.mark.parametrize("option", ["--no-input", "--noinput"])
def test_a_command_with_no_input_does_not_ask(
    key, capsys, terminal, prepare, command, question, option
):
    if prepare:
        prepare()
    before = list(SigningKey.objects.values())
    terminal("no\n")
    name, *options = command

    call_command(f"layer_key_{name}", str(KEY_ID), *options, option)

    assert QUESTION not in capsys.readouterr().err
    assert list(SigningKey.objects.values()) != before


def test_a_call_of_a_command_takes_interactive_as_a_python_value(key, terminal):
    terminal("no\n")

    call_command("layer_key_retire", str(KEY_ID), interactive=False)

    assert SigningKey.objects.get().state == "retired"


@pytest.mark.parametrize("name", ["retire", "revoke", "destroy"])
def test_the_help_says_that_a_command_without_a_terminal_does_not_ask(name):
    parser = load_command_class("django_layer_identity", f"layer_key_{name}")
    shown = " ".join(parser.create_parser("manage.py", "").format_help().split())

    assert (
        "do not ask for confirmation; without a terminal, the command never asks"
        in shown
    )


def test_a_command_without_standard_input_does_not_ask(key, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)

    call_command("layer_key_retire", str(KEY_ID))

    assert SigningKey.objects.get().state == "retired"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["retire"], "Only an active key can be retired. This key is ready."),
        (
            ["revoke", "--reason", " "],
            "Give a reason of 1 to 200 characters.",
        ),
        (
            ["destroy"],
            "Only a retired key's private key can be destroyed. This key is ready.",
        ),
    ],
    ids=["retire", "revoke", "destroy"],
)
def test_a_command_does_not_ask_for_what_it_refuses(
    other, capsys, terminal, command, message
):
    terminal("yes\n")
    name, *options = command

    assert error(f"layer_key_{name}", str(OTHER_KEY_ID), *options) == message
    assert capsys.readouterr() == ("", "")


def test_a_change_that_the_state_forbids_is_refused(key):
    assert error("layer_key_destroy", str(KEY_ID)) == (
        "Only a retired key's private key can be destroyed. This key is active."
    )
    assert SigningKey.objects.get().encrypted_private_key != ""


def test_a_failed_command_exits_with_1(key, capsys):
    with pytest.raises(SystemExit) as caught:
        execute_from_command_line(
            ["manage.py", "layer_key_activate", "0" * 8, "--skip-checks"]
        )

    assert caught.value.code == 1
    assert capsys.readouterr() == (
        "",
        "CommandError: No signing key matches '00000000'.\n",
    )


# Encryption at rest


@pytest.fixture
def entries(settings):
    entries = [OLD]
    configure(settings, KEY_ENCRYPTION_KEYS=entries)
    return entries


@pytest.fixture
def keys(entries, key, draft):
    """Two keys encrypted with an old entry. The setting has a new entry before it."""
    entries[:] = [NEW, OLD]
    return key, draft


def test_key_reencrypt_prints_counts(run, keys):
    assert run("layer_key_reencrypt") == "2 re-encrypted, 0 unchanged, 0 failed"


def test_the_old_entry_can_be_removed_after_key_reencrypt(run, keys, entries):
    run("layer_key_reencrypt")
    entries[:] = [NEW]
    clear_loaded_keys()

    key, _ = keys
    key.refresh_from_db()
    key.run_self_test()
    assert run("layer_key_reencrypt") == "0 re-encrypted, 2 unchanged, 0 failed"


def test_key_reencrypt_continues_after_an_interruption(run, keys, monkeypatch):
    reencrypt = SigningKey.reencrypt_private_key

    def interrupt(key):
        reencrypt(key)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(SigningKey, "reencrypt_private_key", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run("layer_key_reencrypt")

    assert run("layer_key_reencrypt") == "1 re-encrypted, 1 unchanged, 0 failed"


def test_key_reencrypt_prints_json_for_scripts(run, keys):
    assert json.loads(run("layer_key_reencrypt", "--json")) == {
        "reencrypted": 2,
        "unchanged": 0,
        "failures": [],
    }


def test_key_reencrypt_reports_and_keeps_a_key_that_it_cannot_decrypt(keys, capsys):
    key, draft = keys
    ciphertext = draft.encrypted_private_key
    SigningKey.objects.filter(pk=key.pk).update(encrypted_private_key=ciphertext)

    assert error("layer_key_reencrypt") == (
        f"The stored private key of signing key {key.fingerprint[:16]} (Layer app "
        f"{key.app_id}) belongs to signing key {draft.fingerprint[:16]} (Layer app "
        f"{key.app_id}). Import the same private key again, restore that row from a "
        "backup, or revoke the key."
    )
    assert capsys.readouterr().out == "1 re-encrypted, 0 unchanged, 1 failed\n"
    key.refresh_from_db()
    assert key.encrypted_private_key == ciphertext


def test_key_reencrypt_names_the_setting_if_the_old_entry_is_missing(keys, entries):
    entries[:] = [NEW]

    lines = error("layer_key_reencrypt").splitlines()

    assert len(lines) == 2
    assert lines[0].endswith(
        "that is not in LAYER_IDENTITY['KEY_ENCRYPTION_KEYS']. Put that entry back. If "
        "it is lost, import the same private key again. If the private key is lost too, "
        "activate another key."
    )


def test_key_reencrypt_skips_keys_without_a_private_key(run, keys):
    key, draft = keys
    key.revoke("leaked")
    draft.delete()

    assert run("layer_key_reencrypt") == "0 re-encrypted, 0 unchanged, 0 failed"


@pytest.mark.parametrize("change", ["delete", "revoke"])
def test_key_reencrypt_skips_keys_that_disappear_during_the_run(
    run, keys, monkeypatch, change
):
    reencrypt = SigningKey.reencrypt_private_key

    def remove_other_key(key):
        if change == "delete":
            SigningKey.objects.exclude(pk=key.pk).update(active_for=None)
            SigningKey.objects.exclude(pk=key.pk).delete()
        else:
            SigningKey.objects.exclude(pk=key.pk).get().revoke("leaked")
        return reencrypt(key)

    monkeypatch.setattr(SigningKey, "reencrypt_private_key", remove_other_key)

    unchanged = 0 if change == "delete" else 1
    assert run("layer_key_reencrypt") == (
        f"1 re-encrypted, {unchanged} unchanged, 0 failed"
    )


def test_key_reencrypt_shows_progress_on_a_terminal(keys, monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True

    monkeypatch.setattr(sys, "stderr", terminal)

    call_command("layer_key_reencrypt", stdout=io.StringIO())

    halfway, done = terminal.getvalue().strip().split("\r")
    assert halfway.endswith(" 50 % of 2")
    assert done.endswith("100 % of 2")
