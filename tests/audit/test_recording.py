"""Each outcome becomes a row, and no row stops a login."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager

import pytest
from django.apps import apps
from django.db import OperationalError, connection, transaction

from django_layer_identity.audit import recording
from django_layer_identity.audit.apps import LayerIdentityAuditConfig
from django_layer_identity.audit.background import wait_until_written
from django_layer_identity.audit.models import AuditEntry
from django_layer_identity.issuing import issue_identity_token
from django_layer_identity.signals import nonce_digest
from tests import internals
from tests.audit.entries import codes, hang_up, recorded
from tests.conftest import APP_ID
from tests.endpoint import NONCE, URL, ask, read, swap_user_model
from tests.models import Member

APP = f"layer:///apps/production/{APP_ID}"
FAILED = "An audit entry could not be written: 'issued'"


@contextmanager
def trail_down():
    """Let the database fail wherever the trail is concerned."""

    def fail(execute, sql, params, many, context):
        if "layer_identity_audit" in sql:
            raise OperationalError("no such table")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail):
        yield


def complaints(caplog):
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == "django_layer_identity.audit"
    ]


def test_a_token_is_recorded_with_what_is_known_of_it(key, alice):
    ask(alice, nonce=NONCE)

    assert recorded() == [
        {
            "code": "issued",
            "user_pk": str(alice.pk),
            "app_id": APP,
            "fingerprint": key.fingerprint,
            "nonce_digest": nonce_digest(NONCE),
        }
    ]


def test_a_refusal_is_recorded_with_what_was_known_by_then(key, alice, client):
    client.post(URL, {"nonce": NONCE})
    ask(alice, nonce="")
    ask(alice, nonce=NONCE, user_id="bob")

    who = {"user_pk": str(alice.pk)}
    nonce = {"nonce_digest": nonce_digest(NONCE)}
    assert recorded() == [
        {"code": "not_authenticated"},
        {"code": "nonce_missing", **who},
        {"code": "user_id_mismatch", **who, **nonce, "app_id": APP},
    ]


def test_a_token_that_no_endpoint_issued_is_recorded_too(key, alice):
    issue_identity_token(alice, NONCE)

    assert codes() == ["issued"]


def test_an_entry_has_the_time(key, alice):
    ask(alice, nonce=NONCE)

    entry = AuditEntry.objects.get()
    assert str(entry) == f"issued, {entry.created_at:%Y-%m-%d %H:%M:%S}"


def test_a_long_primary_key_is_recorded_as_far_as_there_is_room(settings, key):
    swap_user_model(settings, "tests.Member")
    member = Member.objects.create(email="e" * 300)

    ask(member, nonce=NONCE)

    assert AuditEntry.objects.get().user_pk == "e" * 255


def test_an_entry_outlives_the_user_and_the_key(key, alice):
    ask(alice, nonce=NONCE)

    alice.delete()

    assert codes() == ["issued"]


def test_a_trail_that_fails_stops_no_login(caplog, key, alice):
    with trail_down():
        response = ask(alice, nonce=NONCE)

    assert read(response)[0] == 200
    assert complaints(caplog) == [FAILED]
    assert codes() == []


def test_a_trail_that_fails_spoils_no_refusal(key, alice):
    with trail_down():
        response = ask(alice)

    assert read(response)[1]["code"] == "nonce_missing"


@pytest.mark.django_db(transaction=True)
def test_a_trail_that_fails_stops_no_login_where_statements_commit(caplog, key, alice):
    with trail_down():
        issue_identity_token(alice, NONCE)

    assert complaints(caplog) == [FAILED]
    assert AuditEntry.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_an_entry_is_committed_when_the_token_is_out(
    key, alice, django_assert_num_queries
):
    issue_identity_token(alice, NONCE)  # the first one writes the ledger
    with django_assert_num_queries(2) as captured:
        issue_identity_token(alice, NONCE)

    assert captured[1]["sql"].startswith("INSERT INTO")
    assert connection.get_autocommit()


@pytest.mark.django_db(transaction=True)
def test_an_entry_survives_the_projects_rollback(key, alice):
    with transaction.atomic():
        issue_identity_token(alice, NONCE)
        transaction.set_rollback(True)
    wait_until_written()

    assert codes() == ["issued"]


@pytest.mark.django_db(transaction=True)
def test_an_entry_waits_for_the_projects_writes(key, alice):
    with transaction.atomic():
        alice.save()
        issue_identity_token(alice, NONCE)
    wait_until_written()

    assert codes() == ["issued"]


@pytest.mark.django_db(transaction=True)
def test_a_failing_trail_leaves_the_projects_transaction_alone(
    caplog, monkeypatch, key, alice
):
    monkeypatch.setattr(AuditEntry._meta, "db_table", "no_such_table")

    with transaction.atomic():
        alice.first_name = "Al"
        alice.save()
        issue_identity_token(alice, NONCE)
    wait_until_written()

    alice.refresh_from_db()
    assert alice.first_name == "Al"
    assert complaints(caplog) == [FAILED]


@pytest.mark.django_db(transaction=True)
def test_a_process_that_was_forked_has_a_thread_of_its_own(monkeypatch, key, alice):
    def record_in_a_transaction():
        with transaction.atomic():
            issue_identity_token(alice, NONCE)
        wait_until_written()
        hang_up()

    record_in_a_transaction()
    parents = internals.audit_writer()
    monkeypatch.setattr(os, "getpid", lambda: 4_194_305)  # more than Linux has
    record_in_a_transaction()

    assert internals.audit_writer() is not parents
    assert codes() == ["issued", "issued"]


def test_what_too_many_entries_wait_for_is_not_memory(caplog, monkeypatch):
    monkeypatch.setattr(internals.AUDIT_QUEUE_LENGTH, 0)
    internals.new_audit_writer().add(AuditEntry(code="issued"), "default")

    assert complaints(caplog) == [
        "An audit entry was dropped, too many wait: 'issued'",
    ]


def test_the_app_records_from_its_start_on(caplog, key, alice):
    recording.disconnect()
    caplog.set_level(logging.INFO, "django_layer_identity")
    config = apps.get_app_config("layer_identity_audit")

    LayerIdentityAuditConfig(config.name, config.module).ready()
    issue_identity_token(alice, NONCE)

    assert codes() == ["issued"]


def test_nothing_is_recorded_before(key, alice):
    recording.disconnect()

    issue_identity_token(alice, NONCE)

    assert codes() == []


@pytest.mark.parametrize("times", [1, 2])
def test_however_often_it_is_connected_a_token_is_recorded_once(key, alice, times):
    for _ in range(times):
        recording.connect()

    issue_identity_token(alice, NONCE)

    assert codes() == ["issued"]
