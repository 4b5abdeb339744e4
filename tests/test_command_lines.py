"""What people type on a command line, and what Python code passes to a command."""

from __future__ import annotations

from uuid import UUID

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from django.core.management import (
    CommandError,
    call_command,
    execute_from_command_line,
    get_commands,
    load_command_class,
)
from django.core.management.base import BaseCommand

from django_layer_identity.issuing import preview_identity_token
from django_layer_identity.keys.rsa import PrivateKey
from django_layer_identity.models import LayerApp, LayerUser, SigningKey
from django_layer_identity.protocol.identifiers import AppID, KeyID, ProviderID
from tests.backends import signer
from tests.conftest import APP_ID, KEY_ID, PROVIDER_ID
from tests.endpoint import configure
from tests.key_pairs import load_rsa_key
from tests.routers import Replica

KEY_TEXT = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\n"
HIDDEN = (
    "Error: an argument contains a private key. Give the name of its file instead. Treat "
    "the key as disclosed: the shell's history and the list of processes may show it"
)


def error(*args, **options):
    with pytest.raises(CommandError) as caught:
        call_command(*args, **options)
    return str(caught.value)


def on_the_command_line(capsys, *args):
    """Run a command line that fails; return the last line of standard error."""
    with pytest.raises(SystemExit) as caught:
        execute_from_command_line(["manage.py", *args])
    assert caught.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


# White space and invisible characters


def test_white_space_around_identifiers_does_not_count(key, alice):
    call_command("layer_user_rename", "--app", f" {APP_ID}\n", " alice\t", "a-1")
    call_command("layer_key_retire", f"\u3000{KEY_ID} ")

    assert LayerUser.objects.get().user_id == "a-1"
    assert SigningKey.objects.get().state == "retired"


def test_white_space_around_ids_from_the_dashboard_does_not_count(db):
    ids = ("--app-id", f" {APP_ID}", "--provider-id", f"{PROVIDER_ID}\xa0")
    call_command("layer_app_create", "--name", "Messenger", *ids)
    call_command("layer_key_generate", "--key-id", f" layer:///keys/{KEY_ID} ")

    app = LayerApp.objects.get()
    assert (app.app_id, app.provider_id) == (APP_ID, PROVIDER_ID)
    assert SigningKey.objects.get().key_id == KEY_ID


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            ("layer_key_list", "--app", f"{APP_ID}\u200b"),
            "An app ID must not contain white space or invisible characters: "
            rf"'{APP_ID}\u200b'.",
        ),
        (
            ("layer_key_generate", "--key-id", f"\ufeff{KEY_ID}"),
            "A key ID must not contain white space or invisible characters: "
            rf"'\ufeff{KEY_ID}'.",
        ),
        (
            ("layer_key_retire", "cccccccc\u202c"),
            r"'cccccccc\u202c' is neither a key ID nor the first 8 or more digits of a "
            "fingerprint.",
        ),
        (
            ("layer_token_issue", "alice\u200d", "--nonce", "x"),
            r"There is no user 'alice\u200d'.",
        ),
    ],
)
def test_invisible_characters_in_what_is_refused_are_shown(key, line, message):
    assert error(*line) == message


# Values that begin with a hyphen

BEFORE_IT = "If it is not an option, put “--” before it: “manage.py "
READ_AS_OPTION = "begins with a hyphen, so it was read as an option."


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            ("layer_user_rename", "alice", "-a1"),
            "manage.py layer_user_rename: error: the following arguments are required: "
            f"ID. “-a1” {READ_AS_OPTION} {BEFORE_IT}layer_user_rename [options] -- USER "
            "ID”",
        ),
        (
            ("layer_user_rename", "-v2", "a-1"),
            "manage.py layer_user_rename: error: the following arguments are required: "
            f"ID. “-v2” {READ_AS_OPTION} {BEFORE_IT}layer_user_rename [options] -- USER "
            "ID”",
        ),
        (
            ("layer_user_rename", "alice", "-v20"),
            "manage.py layer_user_rename: error: argument -v/--verbosity: invalid choice: "
            f"20 (choose from 0, 1, 2, 3). “-v20” {READ_AS_OPTION} {BEFORE_IT}"
            "layer_user_rename [options] -- USER ID”",
        ),
        (
            ("layer_token_issue", "--nonce", "x", "-hans"),
            "manage.py layer_token_issue: error: unrecognized arguments: -hans. “-hans” "
            f"{READ_AS_OPTION} {BEFORE_IT}layer_token_issue [options] -- USER”",
        ),
        (
            ("layer_key_list", "--jsn"),
            "manage.py layer_key_list: error: unrecognized arguments: --jsn",
        ),
        (
            ("layer_key_retire", "--ap", "x", "--aap", "y", "z"),
            "manage.py layer_key_retire: error: unrecognized arguments: --aap z. “--aap” "
            f"{READ_AS_OPTION} {BEFORE_IT}layer_key_retire [options] -- KEY”",
        ),
        (
            ("layer_token_issue", "alice", "--nonce", "-ab\u200b"),
            "manage.py layer_token_issue: error: argument --nonce: expected one argument. "
            rf"“-ab\u200b” {READ_AS_OPTION} Write “--nonce=-ab\u200b”",
        ),
    ],
)
def test_an_error_about_a_hyphen_says_what_to_do(capsys, line, message):
    assert on_the_command_line(capsys, *line) == message


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            ("layer_user_rename", "alice"),
            "manage.py layer_user_rename: error: the following arguments are required: ID",
        ),
        (
            (
                "layer_user_rename",
                "--exact",
                "-v",
                "2",
                "--ap=x",
                "-3",
                "-",
                "--",
                "-a",
            ),
            "manage.py layer_user_rename: error: unrecognized arguments: -a",
        ),
    ],
)
def test_other_errors_do_not_speak_about_hyphens(capsys, line, message):
    assert on_the_command_line(capsys, *line) == message


@pytest.mark.parametrize("user_id", ["-a1", "-v2", "-hans", "--app", "-"])
def test_two_hyphens_take_the_next_values_as_they_are(app, alice, user_id):
    call_command("layer_user_rename", "--", "alice", user_id)

    assert LayerUser.objects.get().user_id == user_id


# Secrets


@pytest.mark.parametrize(
    "line",
    [
        ("layer_key_import", *KEY_TEXT.split()),
        ("layer_key_import", "key.pem", KEY_TEXT),
        ("layer_key_import", "key.pem", "A" * 65),
        ("layer_key_generate", "--bits", KEY_TEXT),
        ("layer_key_generate", "--bits", "A" * 64 + "\n" + "A" * 64),
        ("layer_app_create", "--environment", KEY_TEXT),
        ("layer_user_rename", *KEY_TEXT.split()),
    ],
    ids=lambda line: line[0],
)
def test_an_error_does_not_repeat_a_private_key(line):
    assert error(*line) == HIDDEN


@pytest.mark.parametrize(
    "line",
    [
        ("layer_token_issue", "--nonce", "x", KEY_TEXT),
        ("layer_user_rename", KEY_TEXT, "a"),
    ],
    ids=lambda line: line[0],
)
def test_a_private_key_in_the_place_of_a_user_is_not_repeated(app, line):
    assert error(*line) == "There is no user with this name."


# Python values

NEW_ID = UUID("eeeeeeee-0000-4000-8000-000000000005")
IDS = {"app_id": AppID(NEW_ID), "provider_id": ProviderID(PROVIDER_ID)}

#: Command, arguments, and the options that the call sets. The words in capitals are
#: names of values in ``names``.
CALLS = [
    ("layer_app_create", [], {"name": "New", **IDS, "environment": "staging"}),
    ("layer_app_create", [], {"name": "New", "app_id": NEW_ID, "provider_id": KEY_ID}),
    ("layer_audit_purge", [], {"older_than": 90}),
    ("layer_audit_purge", [], {"older_than": "90"}),
    ("layer_doctor", [], {"app": APP_ID, "json": True, "fail_level": "error"}),
    ("layer_encryption_key", [], {}),
    ("layer_key_activate", [KEY_ID], {"app": APP_ID}),
    (
        "layer_key_destroy",
        [str(KEY_ID)],
        {"app": str(APP_ID), "interactive": False},
    ),
    ("layer_key_generate", [], {"app": APP_ID, "key_id": KeyID(NEW_ID)}),
    ("layer_key_generate", [], {"bits": 3072, "activate": False, "json": True}),
    ("layer_key_generate", [], {"bits": "3072", "app": AppID(APP_ID, "production")}),
    ("layer_key_import", ["ENCRYPTED"], {"passphrase_file": "PASSPHRASE"}),
    ("layer_key_import", ["PEM"], {"passphrase_file": None, "app": "APP"}),
    (
        "layer_key_import",
        [],
        {"signer": "hsm", "key_id": NEW_ID, "activate": True, "json": True},
    ),
    ("layer_key_list", [], {"app": "APP", "json": True}),
    ("layer_key_reencrypt", [], {"json": True}),
    ("layer_key_retire", [KeyID(KEY_ID)], {"app": "APP", "interactive": False}),
    (
        "layer_key_revoke",
        [KEY_ID],
        {"app": "APP", "reason": "It leaked.", "interactive": True},
    ),
    ("layer_key_set_id", ["DRAFT", NEW_ID], {"app": "APP"}),
    ("layer_token_explain", ["TOKEN"], {"app": APP_ID, "json": True, "nonce": "n"}),
    ("layer_token_issue", ["alice"], {"app": APP_ID, "nonce": "x"}),
    ("layer_token_issue", ["alice"], {"app": "APP", "nonce": "x"}),
    ("layer_user_collisions", [], {"app": "APP", "json": True}),
    ("layer_user_import", ["CSV"], {"app": APP_ID, "dry_run": True, "exact": False}),
    ("layer_user_rename", ["alice", 42], {"app": APP_ID, "exact": False}),
]


@pytest.fixture
def names(settings, app, key, draft, alice, private_key, tmp_path):
    """The values of the words in capitals. Files are ``Path`` objects."""
    third = load_rsa_key("third")
    configure(settings, SIGNERS=signer("InMemory", key=PrivateKey(third)))
    files = {
        "PEM": as_pem(third),
        "ENCRYPTED": as_pem(third, BestAvailableEncryption(b"open sesame")),
        "PASSPHRASE": b"open sesame",
        "CSV": b"alice,a-1",
        "TOKEN": preview_identity_token(alice, app, "n", by=alice).token.encode(),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    names = {name: tmp_path / name for name in files}
    return {**names, "APP": app, "DRAFT": draft.fingerprint}


def as_pem(key, encryption=None):
    encryption = encryption or NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


@pytest.mark.parametrize(("command", "args", "options"), CALLS)
def test_call_command_takes_python_values(names, key, command, args, options):
    if command == "layer_key_destroy":
        key.retire()
    options = {name: names.get(value, value) for name, value in options.items()}

    call_command(command, *(names.get(value, value) for value in args), **options)


@pytest.mark.parametrize(("command", "args", "options"), CALLS)
def test_commands_look_everything_up_in_the_write_database(
    settings, names, key, command, args, options
):
    settings.DATABASE_ROUTERS = [Replica()]

    test_call_command_takes_python_values(names, key, command, args, options)


def test_each_option_is_called_with_a_python_value():
    own = {
        (command, action.dest)
        for command, app in get_commands().items()
        if str(app).startswith("django_layer_identity")
        for action in options_of(load_command_class(app, command))
    }
    called = {(command, name) for command, _args, options in CALLS for name in options}

    assert called == own


def options_of(command):
    """Return the options of a command that not all of Django's commands have."""
    common = {action.dest for action in BaseCommand().create_parser("", "")._actions}
    actions = command.create_parser("", "")._actions
    return [one for one in actions if one.option_strings and one.dest not in common]
