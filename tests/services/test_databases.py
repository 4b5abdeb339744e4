"""Constraints that the database enforces, on SQLite, PostgreSQL and MariaDB."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import IntegrityError, router, transaction
from rest_framework.test import APIClient

from django_layer_identity.checks.keys import check_stored_keys
from django_layer_identity.exceptions import KeyExists
from django_layer_identity.issuing import issue_identity_token
from django_layer_identity.models import LayerApp, SigningKey
from tests.conftest import APP_ID, KEY_ID, OTHER_KEY_ID, PROVIDER_ID
from tests.endpoint import (
    NONCE,
    URL,
    authentication_failed,
    not_authenticated,
    read,
)

pytestmark = [
    pytest.mark.service,
    pytest.mark.django_db(databases="__all__"),
]


@pytest.fixture
def app(database):
    return LayerApp.objects.create(
        name="Messenger", app_id=APP_ID, provider_id=PROVIDER_ID
    )


@pytest.fixture
def other_app(database):
    return LayerApp.objects.create(
        name="Test", app_id=OTHER_KEY_ID, provider_id=PROVIDER_ID
    )


@pytest.fixture
def key(app, private_key):
    key = SigningKey.from_private_key(app, private_key, key_id=KEY_ID)
    key.save()
    key.activate()
    return key


@pytest.fixture
def draft(app, other_private_key):
    draft = SigningKey.from_private_key(app, other_private_key)
    draft.save()
    return draft


def assert_refused_by_database(**change):
    using = router.db_for_write(SigningKey)
    with pytest.raises(IntegrityError), transaction.atomic(using=using):
        SigningKey.objects.update(**change)


def test_the_test_runs_on_the_selected_database(app, database):
    vendors = {"default": "sqlite", "mariadb": "mysql"}

    assert app._state.db == database.alias
    assert database.vendor == vendors.get(database.alias, database.alias)


def test_no_migration_is_missing(database):
    call_command("makemigrations", "--check", "--dry-run", stdout=StringIO())


def test_a_second_active_key_is_refused(key, draft):
    draft.set_key_id(OTHER_KEY_ID)

    assert_refused_by_database(active_for=key.app)


def test_a_key_active_for_another_app_is_refused(key, other_app):
    assert_refused_by_database(active_for=other_app)


def test_an_active_key_that_is_revoked_is_refused(key):
    assert_refused_by_database(revoked_at=key.created_at)


def test_an_active_key_without_an_id_is_refused(key):
    assert_refused_by_database(key_id=None)


def test_an_app_can_have_several_inactive_keys(app, private_key, draft):
    SigningKey.from_private_key(app, private_key).save()

    assert SigningKey.objects.filter(active_for=None, key_id=None).count() == 2


def test_an_app_cannot_have_the_same_key_twice(key, private_key):
    with pytest.raises(KeyExists):
        SigningKey.from_private_key(key.app, private_key).save_unique()


@pytest.mark.parametrize("seconds", [29, 25 * 3600])
def test_a_lifetime_under_half_a_minute_or_over_a_day_is_refused(app, seconds):
    using = router.db_for_write(LayerApp)
    with pytest.raises(IntegrityError), transaction.atomic(using=using):
        LayerApp.objects.update(token_lifetime=timedelta(seconds=seconds))


def test_a_key_goes_through_its_life_cycle(key, draft):
    draft.set_key_id(OTHER_KEY_ID)
    draft.activate()
    key.activate()
    draft.revoke("leaked")
    key.retire()

    states = {key.pk: key.state.value for key in SigningKey.objects.all()}
    assert states == {key.pk: "retired", draft.pk: "revoked"}


def test_a_token_takes_one_query(key, alice, django_assert_num_queries, database):
    issue_identity_token(alice, "a+b/c==")  # the first token writes to the ledger

    with django_assert_num_queries(1, connection=database):
        issued = issue_identity_token(alice, "a+b/c==")

    assert (issued.user_id, issued.key_id) == ("alice", f"layer:///keys/{KEY_ID}")


@pytest.mark.parametrize(
    "headers",
    [
        {"Cookie": 'sessionid="aaaaaaaaaaaaa\\000"'},
        {"Authorization": "Basic YQBiOnB3"},  # "a\0b:pw"
    ],
    ids=["session", "basic"],
)
def test_a_nul_character_is_refused_without_a_server_error(key, headers):
    answer = read(APIClient().post(URL, {"nonce": NONCE}, headers=headers))

    assert answer in (not_authenticated(), authentication_failed())


def test_the_check_of_stored_keys_leaves_the_transaction_usable(
    key, database, settings, monkeypatch
):
    entries = ["another entry of forty characters, all new"]
    settings.LAYER_IDENTITY = {"KEY_ENCRYPTION_KEYS": entries}

    found = check_stored_keys(databases=[database.alias])
    with monkeypatch.context() as patch:
        patch.setattr(SigningKey._meta, "db_table", "not_migrated")
        found_before_migration = check_stored_keys(databases=[database.alias])

    assert [message.id for message in found] == ["layer_identity.W011"]
    assert found_before_migration == []
    assert SigningKey.objects.get() == key
