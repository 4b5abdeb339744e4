"""Every management command, with successes and failures."""

from __future__ import annotations

import io
import traceback
from collections.abc import Iterator
from unittest.mock import patch

from django.core.management import CommandError, call_command, get_commands

from tests.conftest import APP_ID, KEY_ID, OTHER_KEY_ID
from tests.secrecy.world import PASSPHRASE, World

KEY, ID = str(KEY_ID), str(OTHER_KEY_ID)


def lines(world: World) -> list[tuple[str, ...]]:
    """Return command lines: the whole lifecycle of a key, and mistakes."""
    file = str(world.file("key.pem", world.pem()))
    encrypted = str(world.file("encrypted.pem", world.pems()["encrypted"]))
    passphrase = str(world.file("passphrase", PASSPHRASE))
    return [
        ("layer_key_import", encrypted),
        ("layer_key_import", "--passphrase-file", file, encrypted),
        ("layer_key_import", "--passphrase-file", passphrase, encrypted),
        ("layer_key_import", file),
        ("layer_key_import", "--key-id", "no key ID", file),
        ("layer_key_import", "--app", file, file),
        ("layer_key_import", file + "-missing"),
        ("layer_key_import", world.pem()),
        ("layer_key_import", world.pem().replace("\n", "\\n")),
        ("layer_key_import", "--passphrase-file", PASSPHRASE, encrypted),
        ("layer_key_import", *world.pem().split()),
        ("layer_key_import", file, world.pem()),
        ("layer_key_set_id", world.fingerprint, world.pem()),
        ("layer_key_set_id", world.fingerprint, KEY),
        ("layer_key_activate", world.pem()),
        ("layer_key_activate", "--app", world.pem(), KEY),
        ("layer_key_activate", KEY),
        ("layer_token_issue", "--nonce", "a nonce", world.user.username),
        ("layer_token_issue", "--nonce", "a nonce", world.pem()),
        ("layer_key_generate", "--bits", world.pem()),
        ("layer_key_reencrypt",),
        ("layer_key_list",),
        ("layer_key_list", "--json"),
        ("layer_key_generate", "--key-id", ID, "--activate"),
        ("layer_key_generate", "--json"),
        ("layer_key_retire", ID),
        ("layer_key_destroy", KEY),
        ("layer_key_revoke", "--reason", "It was seen on a desk.", KEY),
        ("layer_key_activate", KEY),
        ("layer_encryption_key",),
        ("layer_app_create", "--name", "A", "--app-id", ID, "--provider-id", KEY),
        ("layer_user_collisions", "--app", str(APP_ID)),
        ("layer_user_import", "--app", str(APP_ID), file),
        ("layer_user_import", "--app", str(APP_ID), world.pem()),
        ("layer_user_rename", "--app", str(APP_ID), world.user.username, world.pem()),
        ("layer_token_explain", file),
        ("layer_token_explain", "--app", world.pem(), file),
        ("layer_token_explain", "--nonce", world.pem(), world.pem()),
        ("layer_doctor",),
        ("layer_doctor", "--json", "--app", str(APP_ID)),
        ("layer_audit_purge", "--older-than", "1"),
        ("layer_audit_purge", "--older-than", "0"),
        ("layer_audit_purge", "--older-than", world.pem()),
        ("check", "--database", "default"),
        ("check", "--deploy", "--database", "default"),
        ("showmigrations",),
    ]


def our_commands() -> set[str]:
    """Return the names of the package's commands."""
    return {
        name
        for name, app in get_commands().items()
        if str(app).startswith("django_layer_identity")
    }


def outputs(world: World) -> Iterator[tuple[str, str]]:
    for line in lines(world):
        yield line[0], _output(world, *line)


def _output(world: World, *line: str) -> str:
    out, err = io.StringIO(), io.StringIO()
    try:
        with patch("sys.stdin", io.StringIO(world.pem())):
            call_command(*line, verbosity=3, stdout=out, stderr=err)
    except (CommandError, SystemExit):
        err.write(traceback.format_exc())  # as --traceback shows it
    return out.getvalue() + err.getvalue()
