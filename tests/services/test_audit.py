"""The audit trail on SQLite, PostgreSQL and MariaDB."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_layer_identity.audit import recording
from django_layer_identity.audit.models import AuditEntry
from django_layer_identity.audit.statistics import Hour, count_by_hour
from django_layer_identity.issuing import issue_identity_token
from django_layer_identity.mapping.users import users_by_pk
from django_layer_identity.models import LayerApp, SigningKey
from tests.audit.entries import codes
from tests.conftest import APP_ID, KEY_ID, PROVIDER_ID
from tests.internals import stop_recording

pytestmark = [
    pytest.mark.service,
    pytest.mark.django_db(databases="__all__", transaction=True),
]


@pytest.fixture
def key(database, private_key):
    app = LayerApp.objects.create(name="M", app_id=APP_ID, provider_id=PROVIDER_ID)
    key = SigningKey.from_private_key(app, private_key, key_id=KEY_ID)
    key.save()
    key.activate()
    return key


@pytest.fixture(autouse=True)
def _recording(database):
    recording.connect()
    yield
    stop_recording()


@pytest.fixture
def without_table(database):
    """The app is installed, but its table is missing."""

    def alter(old, new):
        with database.schema_editor() as editor:
            editor.alter_db_table(AuditEntry, old, new)

    name = AuditEntry._meta.db_table
    alter(name, "moved_away")
    yield
    alter("moved_away", name)


def test_an_entry_is_committed_with_the_token(key, alice, database):
    issue_identity_token(alice, "abc")

    assert database.get_autocommit()
    assert codes() == ["issued"]


def test_an_entry_is_part_of_the_projects_transaction(key, alice, database):
    with transaction.atomic(using=database.alias):
        issue_identity_token(alice, "abc")
        assert codes() == ["issued"]
        transaction.set_rollback(True, using=database.alias)

    assert codes() == []


def test_a_missing_table_does_not_fail_a_login(key, alice, without_table):
    assert issue_identity_token(alice, "abc").user_id == "alice"


def test_a_missing_table_does_not_affect_the_projects_transaction(
    key, alice, database, without_table
):
    with transaction.atomic(using=database.alias):
        LayerApp.objects.update(name="Renamed")
        issue_identity_token(alice, "abc")
        LayerApp.objects.update(enabled=False)

    app = LayerApp.objects.get()
    assert (app.name, app.enabled) == ("Renamed", False)


def test_the_current_hour_is_counted(key, alice):
    issue_identity_token(alice, "abc")
    now = AuditEntry.objects.get().created_at

    assert count_by_hour(AuditEntry.objects.all(), now)[-1] == Hour(
        now.replace(minute=0, second=0, microsecond=0), issued=1
    )


def test_thousands_of_entries_are_purged(database):
    old = timezone.now() - timedelta(days=31)
    AuditEntry.objects.bulk_create(
        AuditEntry(code="issued", created_at=old) for _ in range(1203)
    )

    assert AuditEntry.objects.purge(timezone.now() - timedelta(days=30)) == 1203
    assert AuditEntry.objects.count() == 0


def test_all_values_that_occur_are_found_with_one_query(database):
    codes = ["issued", "user_id_taken", "nonce_missing", "Unpaid"]
    AuditEntry.objects.bulk_create(
        AuditEntry(code=codes[number % 4]) for number in range(4_000)
    )

    with CaptureQueriesContext(database) as captured:
        found = AuditEntry.objects.filter(user_pk="").occurring("code")

    assert sorted(found) == sorted(codes)
    assert AuditEntry.objects.occurring("app_id") == []
    assert len(captured) == 1


def test_users_of_entries_are_found(alice, database):
    found = users_by_pk([str(alice.pk), "x", "9" * 40, f"-{'9' * 40}"])

    assert found == {str(alice.pk): alice}
