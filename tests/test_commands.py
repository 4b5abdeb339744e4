from __future__ import annotations

import json

import jwt
import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from django_layer_identity.models import LayerApp, SigningKey
from tests.conftest import APP_ID, KEY_ID, OTHER_KEY_ID, PROVIDER_ID
from tests.routers import Replica


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


CREATE = (
    *("layer_app_create", "--name", "Messenger"),
    *("--app-id", str(APP_ID).upper(), "--provider-id", str(PROVIDER_ID)),
)


def test_app_create_prints_the_app_id(run, db):
    assert run(*CREATE) == f"layer:///apps/production/{APP_ID}"
    assert str(LayerApp.objects.get().provider_id) == str(PROVIDER_ID)


def test_app_create_again_changes_nothing_and_succeeds(run, app):
    assert run(*CREATE) == f"layer:///apps/production/{APP_ID}"
    assert LayerApp.objects.get() == app


def test_app_create_says_what_a_second_enabled_app_changes_for_clients(app, capsys):
    call_command(*CREATE, "--app-id", "aaaaaaaa-0000-4000-8000-000000000009")

    assert capsys.readouterr() == (
        "layer:///apps/production/aaaaaaaa-0000-4000-8000-000000000009\n",
        "2 Layer apps are enabled now: requests without app_id are refused with 400 "
        "app_id_required.\n",
    )


def test_app_create_remarks_nothing_if_the_other_app_is_disabled(app, capsys):
    LayerApp.objects.update(enabled=False)

    call_command(*CREATE, "--app-id", "aaaaaaaa-0000-4000-8000-000000000009")

    assert capsys.readouterr().err == ""


def test_app_create_refuses_the_app_id_as_provider_id(run, db):
    with pytest.raises(CommandError) as caught:
        run(*CREATE[:-1], f"layer:///providers/{APP_ID}")

    assert str(caught.value) == (
        "provider_id: The app ID and the provider ID are the same, so one of them is "
        "wrong. Make up two different UUIDs. If they are from Layer's dashboard: the app "
        "ID began with layer:///apps/ there, and the provider ID with layer:///providers/."
    )
    assert not LayerApp.objects.exists()


def test_app_create_takes_the_environment_from_an_option(run, db):
    printed = run(*CREATE, "--environment", "staging")

    assert printed == f"layer:///apps/staging/{APP_ID}"


def test_app_create_takes_the_environment_from_the_app_id(run, db):
    app_id = f"layer:///apps/staging/{APP_ID}"

    assert run(*CREATE, "--app-id", app_id) == app_id


def test_app_create_refuses_two_environments(db):
    app_id = f"layer:///apps/staging/{APP_ID}"

    message = error(*CREATE, "--app-id", app_id, "--environment", "production")

    assert message == "The app ID belongs to staging, but --environment is production."
    assert not LayerApp.objects.exists()


def test_app_create_refuses_another_app_under_the_same_id(app):
    assert error(*CREATE, "--name", "Chat") == (
        "A Layer app with this app ID already exists with another name: Messenger. "
        "Use the same value."
    )


def test_app_create_refuses_a_key_id_as_a_provider_id(db):
    assert error(*CREATE, "--provider-id", f"layer:///keys/{KEY_ID}") == (
        "This is a key ID. Use a provider ID here."
    )


def test_app_create_refuses_a_name_too_long(db):
    assert error(*CREATE, "--name", "x" * 101) == (
        "name: Ensure this value has at most 100 characters (it has 101)."
    )


def test_app_create_refuses_a_private_key_as_a_name(db):
    assert error(*CREATE, "--name", "-----BEGIN PRIVATE KEY-----") == (
        "name: A name must not contain a private key or a part of one."
    )


def test_app_create_reports_an_empty_field(db):
    assert error(*CREATE, "--name", "") == "name: This field cannot be blank."


def test_the_error_about_a_busy_database_says_what_to_do(db, monkeypatch):
    def fail(*args, **kwargs):
        raise OperationalError("database is locked")

    monkeypatch.setattr(LayerApp, "save", fail)

    assert error(*CREATE) == (
        "The database failed, so the command did not finish. If a table or a column is "
        "missing, run “manage.py migrate”. If the database was busy or unavailable, run "
        "the command again. Reason: database is locked"
    )


def test_key_generate_prints_the_public_key(run, app):
    printed = run("layer_key_generate")

    key = SigningKey.objects.get()
    assert printed + "\n" == key.public_key
    assert (key.state, key.bits) == ("draft", 2048)


def test_key_generate_sets_the_key_id_and_activates(run, app):
    run("layer_key_generate", "--key-id", str(KEY_ID), "--activate", "--bits", "3072")

    key = SigningKey.objects.get()
    assert (key.state, key.bits) == ("active", 3072)


def test_key_generate_prints_json_for_scripts(run, app):
    printed = run("layer_key_generate", "--json")

    key = SigningKey.objects.get()
    assert json.loads(printed) == {
        "fingerprint": key.fingerprint,
        "state": "draft",
        "key_id": None,
        "public_key": key.public_key,
    }


def test_key_generate_writes_remarks_to_standard_error(app, capsys):
    call_command("layer_key_generate")

    fingerprint = SigningKey.objects.get().fingerprint
    assert capsys.readouterr().err == (
        f"Fingerprint: {fingerprint}. The key is draft, so it signs nothing yet. Next: "
        f"layer_key_set_id {fingerprint[:8]} UUID, then layer_key_activate "
        f"{fingerprint[:8]}.\n"
    )


def test_key_generate_refuses_a_small_size(app):
    assert error("layer_key_generate", "--bits", "1024") == (
        "A new key must have 2048, 3072 or 4096 bits."
    )


def test_encryption_key_prints_a_new_entry(run):
    first, second = run("layer_encryption_key"), run("layer_encryption_key")

    assert (len(first), len(second)) == (43, 43)
    assert first != second


def test_encryption_key_says_to_store_it_and_why(capsys):
    call_command("layer_encryption_key")

    assert capsys.readouterr().err == (
        "Store this entry before you use it. Keep it as secret as SECRET_KEY, and "
        "separate from the database. If you lose it, the private keys that it "
        "encrypted cannot be decrypted.\n"
    )


def test_token_issue_prints_a_token(run, key, alice):
    token = run("layer_token_issue", "alice", "--nonce", "a+b/c==")

    claims = jwt.decode(token, key.public_key, algorithms=["RS256"])
    assert (claims["prn"], claims["nce"]) == ("alice", "a+b/c==")


def test_token_issue_asks_for_one_of_several_apps_in_the_words_of_a_command(key, alice):
    LayerApp.objects.create(
        name="Other", app_id=OTHER_KEY_ID, provider_id=key.app.provider_id
    )

    assert error("layer_token_issue", "alice", "--nonce", "a") == (
        "There are several Layer apps. Name one by its app ID, in a command with --app."
    )


def test_token_issue_logs_the_token_like_any_other(run, key, alice, caplog):
    caplog.set_level("INFO", "django_layer_identity")

    run("layer_token_issue", "alice", "--nonce", "a+b/c==", "--app", str(APP_ID))

    [record] = caplog.records
    assert record.getMessage().startswith("Identity token issued: ")


def test_token_issue_refuses_an_unknown_user(key):
    assert error("layer_token_issue", "mallory", "--nonce", "x") == (
        "There is no user 'mallory'."
    )


def test_token_issue_prints_the_cause_of_a_refusal_and_what_to_do(app, alice):
    assert error("layer_token_issue", "alice", "--nonce", "x") == (
        "Identity tokens cannot be signed at the moment. Try again later. "
        "Reason: The Layer app Messenger has no active signing key. Activate one, with "
        "“manage.py layer_key_activate” or in the admin."
    )


def test_token_issue_prints_a_refusal_without_a_cause(key, alice):
    assert error("layer_token_issue", "alice", "--nonce", " ") == (
        "The nonce must not be blank."
    )


# The write database


@pytest.mark.parametrize(
    "command",
    [
        CREATE,
        ("layer_key_generate",),
        ("layer_key_list",),
        ("layer_key_list", "--app", str(APP_ID)),
        ("layer_key_activate", str(KEY_ID), "--app", str(APP_ID)),
        ("layer_key_retire", str(KEY_ID)),
        ("layer_key_revoke", str(KEY_ID), "--reason", "leaked"),
        ("layer_key_reencrypt",),
        ("layer_token_issue", "alice", "--nonce", "a+b/c=="),
        ("layer_user_collisions",),
        ("layer_user_rename", "alice", "alice.2"),
    ],
    ids=" ".join,
)
def test_commands_look_everything_up_in_the_write_database(
    settings, run, key, alice, command
):
    settings.DATABASE_ROUTERS = [Replica()]

    run(*command)


def test_user_import_looks_users_up_in_the_write_database(
    settings, run, app, alice, tmp_path
):
    file = tmp_path / "users.csv"
    file.write_text("alice,alice.2\n")
    settings.DATABASE_ROUTERS = [Replica()]

    assert run("layer_user_import", str(file)) == "1 imported"
