"""The database checks of stored keys that no entry of the setting decrypts."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.core import checks
from django.core.checks import Error, Warning
from django.core.management import call_command
from django.db import InterfaceError, OperationalError, connection

from django_layer_identity import keyring, testing
from django_layer_identity.checks import keys
from django_layer_identity.models import LayerApp, SigningKey
from tests.checks import assert_documented
from tests.conftest import KEY_ID, PROVIDER_ID
from tests.endpoint import configure
from tests.routers import Replica

HINT = (
    "Put the entry that encrypted it back into the list. If that entry is lost, import the "
    "same private key again, with “manage.py layer_key_import” or in the admin. If the "
    "private key is lost too, activate another key."
)
PRESENT = "the present LAYER_IDENTITY['KEY_ENCRYPTION_KEYS']"
ACTIVE = (
    f"The active signing key {KEY_ID} of the Layer app 'Messenger' cannot be decrypted "
    f"with {PRESENT}: users of this app get no identity tokens (503 signing_failed)."
)
OTHER_ENTRIES = ["another entry of forty characters, all new"]


@pytest.fixture
def lose_secret(settings):
    """Replace the entries of the setting."""

    def lose_secret(*entries):
        configure(settings, KEY_ENCRYPTION_KEYS=entries or OTHER_ENTRIES)

    return lose_secret


def run(deploy=False, databases=("default",)):
    messages = checks.run_checks(
        tags=["database"], include_deployment_checks=deploy, databases=databases
    )
    assert_documented(messages)
    return messages


def warning(message):
    return Warning(message, hint=HINT, id="layer_identity.W011")


def test_keys_that_can_be_decrypted_are_accepted(key, draft):
    assert run(deploy=True) == []


def test_a_key_encrypted_with_a_former_entry_of_the_list_is_accepted(key, settings):
    former = settings.LAYER_IDENTITY["KEY_ENCRYPTION_KEYS"]
    configure(settings, KEY_ENCRYPTION_KEYS=[*OTHER_ENTRIES, *former])

    assert run(deploy=True) == []


def test_an_active_key_without_its_entry_is_reported(key, lose_secret):
    lose_secret()

    assert run() == [warning(ACTIVE)]


def test_an_active_key_without_its_entry_is_an_error_for_deployment(key, lose_secret):
    lose_secret()

    assert run(deploy=True) == [
        warning(ACTIVE),
        Error(ACTIVE, hint=HINT, id="layer_identity.E011"),
    ]


@pytest.mark.parametrize("entry", ["", " \n", None])
def test_an_empty_setting_is_named(key, lose_secret, entry):
    lose_secret(entry)

    assert run() == [warning(ACTIVE.replace(PRESENT, f"{PRESENT}, which is empty"))]


def test_a_key_that_is_not_active_is_no_error_and_comes_last(
    app, lose_secret, private_key, other_private_key
):
    SigningKey.from_private_key(app, other_private_key).save()
    active = SigningKey.from_private_key(app, private_key, key_id=KEY_ID)
    active.save()
    active.activate()
    lose_secret()

    warned = [message for message in run(deploy=True) if message.level == 30]
    assert warned == [
        warning(ACTIVE),
        warning(
            f"The signing key {other_private_key.fingerprint[:16]} of the Layer app "
            f"'Messenger' cannot be decrypted with {PRESENT}: it cannot sign."
        ),
    ]
    assert len(run(deploy=True)) == 3


def test_the_active_key_of_a_disabled_app_stops_nobody(key, lose_secret):
    LayerApp.objects.update(enabled=False)
    lose_secret()

    assert run(deploy=True) == [
        warning(
            f"The signing key {KEY_ID} of the Layer app 'Messenger' cannot be decrypted "
            f"with {PRESENT}: it cannot sign."
        )
    ]


@pytest.mark.parametrize("end", ["revoke", "destroy"])
def test_a_key_without_a_stored_private_key_is_accepted(key, lose_secret, end):
    if end == "revoke":
        key.revoke("leaked")
    else:
        key.retire()
        key.destroy_private_key()
    lose_secret()

    assert run(deploy=True) == []


def test_the_message_lists_ten_keys_and_counts_the_others(private_key, db, lose_secret):
    for number in range(12):
        app = LayerApp.objects.create(
            name=f"App {number}", app_id=UUID(int=number + 1), provider_id=PROVIDER_ID
        )
        SigningKey.from_private_key(app, private_key).save()
    lose_secret()

    messages = [message.msg for message in run()]
    assert len(messages) == 11
    assert "'App 9'" in messages[9]
    assert messages[10] == "Further signing keys that cannot be decrypted: 2."


@pytest.mark.parametrize("databases", [None, [], ["elsewhere"]])
def test_only_the_database_of_the_keys_is_read(
    key, lose_secret, databases, django_assert_num_queries
):
    lose_secret()

    with django_assert_num_queries(0):
        found = [
            *keys.check_stored_keys(databases=databases),
            *keys.check_active_keys(databases=databases),
        ]

    assert found == []


def test_the_write_database_is_read(key, lose_secret, settings):
    settings.DATABASE_ROUTERS = [Replica()]
    lose_secret()

    assert run() == [warning(ACTIVE)]


def test_before_the_table_exists_nothing_is_reported(key, lose_secret, monkeypatch):
    lose_secret()
    monkeypatch.setattr(SigningKey._meta, "db_table", "not_migrated")

    assert run(deploy=True) == []


@pytest.mark.django_db(transaction=True)
def test_the_first_migration_of_a_project_is_not_disturbed(
    app, private_key, lose_secret
):
    keyring.import_private_key(app, private_key.to_der())
    lose_secret()
    with connection.schema_editor() as editor:
        editor.delete_model(SigningKey)
    try:
        call_command("check", databases=["default"], deploy=False)
    finally:
        with connection.schema_editor() as editor:
            editor.create_model(SigningKey)


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_database_that_fails_is_reported_once(key, error):
    def fail(*args):
        raise error("connection refused for user alice")

    with connection.execute_wrapper(fail):
        messages = run(deploy=True)

    assert messages == [
        Error(
            f"The database 'default' cannot be asked for signing keys: {error.__name__}.",
            hint="Check that it runs and that its settings are right.",
            id="layer_identity.E013",
        )
    ]


def test_newer_columns_are_not_read(key, lose_secret, django_assert_num_queries):
    lose_secret()

    with django_assert_num_queries(3) as queries:
        run()

    columns = " ".join(query["sql"] for query in queries)
    assert "last_used_at" not in columns
    assert "revocation_reason" not in columns


@pytest.mark.parametrize("value", [None, [], "x"])
def test_a_setting_of_another_type_is_left_to_its_own_check(key, settings, value):
    settings.LAYER_IDENTITY = value

    assert run(deploy=True) == []


def test_an_invalid_list_is_left_to_its_own_check(key, lose_secret):
    lose_secret("short")

    assert run(deploy=True) == []


def test_a_name_cannot_split_a_message(key, lose_secret):
    LayerApp.objects.update(name="M\nERRORS:")
    lose_secret()

    [message] = run()
    assert "of the Layer app 'M\\nERRORS:' cannot" in message.msg


PUBLIC = (
    f"The signing key {testing.KEY_ID} of the Layer app 'Messenger' is the public test "
    "key: anyone can sign identity tokens with it."
)
REPLACE = "Revoke it, and create another key."


def public(kind, id):
    return kind(PUBLIC, hint=REPLACE, id=f"layer_identity.{id}")


def test_the_public_test_key_is_reported(app):
    testing.create_layer_key(app)

    assert run() == [public(Warning, "W012")]


def test_the_public_test_key_is_an_error_for_deployment(app):
    testing.create_layer_key(app).retire()

    assert run(deploy=True) == [public(Warning, "W012"), public(Error, "E012")]


def test_a_revoked_test_key_is_accepted(app):
    testing.create_layer_key(app).revoke("public")

    assert run(deploy=True) == []


def test_the_public_test_key_is_reported_with_an_invalid_setting(app, settings):
    testing.create_layer_key(app)
    settings.LAYER_IDENTITY = None

    assert run() == [public(Warning, "W012")]
