"""Each outcome is recorded, and a failure to record never fails a login."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import DataError, OperationalError, connection, transaction
from django.test import Client

from django_layer_identity.audit import recording
from django_layer_identity.audit.apps import LayerIdentityAuditConfig
from django_layer_identity.audit.models import AuditEntry
from django_layer_identity.digests import nonce_digest
from django_layer_identity.exceptions import AuthenticationFailed
from django_layer_identity.issuing import issue_identity_token
from django_layer_identity.signals import identity_token_refused
from tests.audit.entries import codes, recorded
from tests.conftest import APP_ID
from tests.endpoint import NONCE, URL, ask, configure, phone_of, read
from tests.internals import stop_recording
from tests.models import Member

APP = f"layer:///apps/production/{APP_ID}"
FAILED = "The audit entry 'issued' was not written."


@contextmanager
def failing_audit():
    """Make each query of the audit trail fail."""

    def fail(execute, sql, params, many, context):
        if "layer_identity_audit" in sql:
            raise OperationalError("no such table")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail):
        yield


@pytest.fixture
def signalled():
    """The codes of the refusals whose signal was sent."""
    codes = []

    def receiver(code, **facts):
        codes.append(code)

    identity_token_refused.connect(receiver)
    yield codes
    identity_token_refused.disconnect(receiver)


def log_messages(caplog):
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == "django_layer_identity.audit"
    ]


def test_a_token_is_recorded_with_all_its_values(key, alice):
    ask(alice, nonce=NONCE)

    assert recorded() == [
        {
            "code": "issued",
            "user_pk": str(alice.pk),
            "app_id": APP,
            "fingerprint": key.fingerprint,
            "nonce_digest": nonce_digest(NONCE),
            "address": "127.0.0.1",
        }
    ]


def test_a_refusal_is_recorded_with_the_known_values(key, alice):
    ask(alice, nonce="")
    ask(alice, nonce=NONCE, user_id="bob")

    user = {"user_pk": str(alice.pk), "address": "127.0.0.1"}
    nonce = {"nonce_digest": nonce_digest(NONCE)}
    assert recorded() == [
        {"code": "nonce_missing", **user},
        {"code": "user_id_mismatch", **user, **nonce, "app_id": APP},
    ]


def test_a_refusal_without_a_known_user_is_not_recorded(signalled, key, client, alice):
    client.post(URL, {"nonce": NONCE})
    client.post(URL, headers={"Authorization": "Basic eDp5"})
    client.put(URL)
    with pytest.raises(AuthenticationFailed):
        issue_identity_token(User(username="unsaved"), NONCE)

    assert signalled == [
        "not_authenticated",
        "authentication_failed",
        "not_authenticated",
        "authentication_failed",
    ]
    assert codes() == []


def test_a_csrf_failure_is_not_recorded(signalled, key, alice):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)

    browser.post(URL, {"nonce": NONCE})

    assert signalled == ["csrf_failed"]
    assert codes() == []


def test_a_throttled_anonymous_client_is_not_recorded(signalled, settings, key, client):
    configure(settings, THROTTLE_RATES={"failures": "1/min"})

    for _ in range(2):
        client.post(URL, headers={"Authorization": "Basic eDp5"})

    assert signalled == ["authentication_failed", "throttled"]
    assert codes() == []


def test_a_throttled_user_is_not_recorded(signalled, settings, key, alice):
    configure(settings, THROTTLE_RATES={"user": "1/min"})

    for _ in range(2):
        ask(alice, nonce=NONCE)

    assert signalled == ["throttled"]
    assert codes() == ["issued"]


def test_a_token_issued_without_a_request_is_recorded(key, alice):
    issue_identity_token(alice, NONCE)

    assert [(entry["code"], entry.get("address")) for entry in recorded()] == [
        ("issued", None)
    ]


@pytest.mark.parametrize(
    ("remote_addr", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:DB8::0:7", "2001:db8::7"),
        ("fe80::1%eth0", "fe80::1"),
        ("", None),
        ("unix:", None),
        ("192.0.2.7:4711", None),
        ("' OR 1=1 --", None),
    ],
)
def test_the_address_of_the_request_is_recorded(key, alice, remote_addr, address):
    phone_of(alice).post(URL, {"nonce": NONCE}, REMOTE_ADDR=remote_addr)

    assert [entry.get("address") for entry in recorded()] == [address]


@pytest.mark.parametrize(
    "session",
    [{"hijack_history": ["17"]}, {"loginas_from_user": "17:1abcde:c2lnbmF0dXJl"}],
    ids=["django-hijack", "django-loginas"],
)
def test_the_impersonator_is_recorded(client, key, alice, session):
    client.force_login(alice)
    impersonated = client.session
    impersonated.update(session)
    impersonated.save()

    client.post(URL, {"nonce": NONCE})

    [entry] = recorded()
    assert (entry["user_pk"], entry["impersonator_pk"]) == (str(alice.pk), "17")


def test_a_user_who_is_not_impersonated_has_no_impersonator(client, key, alice):
    client.force_login(alice)

    client.post(URL, {"nonce": NONCE})

    assert AuditEntry.objects.get().impersonator_pk == ""


def test_a_token_is_recorded_without_a_readable_session(caplog, rf, key, alice):
    class UnreadableSession:
        def get(self, name):
            raise DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")

    request = rf.post("/")
    request.session = UnreadableSession()

    issue_identity_token(alice, NONCE, request=request)

    assert codes() == ["issued"]
    assert log_messages(caplog) == [
        "The session cannot be read, so the audit entry has no impersonator."
    ]


def test_headers_with_an_address_are_ignored(key, alice):
    forged = {"X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9"}

    phone_of(alice).post(URL, {"nonce": NONCE}, headers=forged)

    assert [entry["address"] for entry in recorded()] == ["127.0.0.1"]


def test_an_entry_has_the_time(key, alice):
    ask(alice, nonce=NONCE)

    entry = AuditEntry.objects.get()
    assert str(entry) == f"issued, {entry.created_at:%Y-%m-%d %H:%M:%S}"


def test_a_long_primary_key_is_truncated(settings, key):
    settings.AUTH_USER_MODEL = "tests.Member"
    member = Member.objects.create(email="e" * 300)

    ask(member)

    assert AuditEntry.objects.get().user_pk == "e" * 255


def test_an_entry_is_kept_when_the_user_is_deleted(key, alice):
    ask(alice, nonce=NONCE)

    alice.delete()

    assert codes() == ["issued"]


def test_a_failing_audit_does_not_fail_a_login(caplog, key, alice):
    with failing_audit():
        response = ask(alice, nonce=NONCE)

    assert read(response)[0] == 200
    assert log_messages(caplog) == [FAILED]
    assert codes() == []


def test_after_a_lost_database_no_entry_is_written(caplog, key, alice, lost_database):
    assert read(ask(alice, nonce=""))[1]["code"] == "nonce_missing"

    assert log_messages(caplog) == [
        "The audit entry 'nonce_missing' was not written, because the database failed."
    ]
    assert codes() == []


class AuditInAnotherDatabase:
    def db_for_write(self, model, **hints):
        return "elsewhere" if model is AuditEntry else None


def test_an_audit_in_another_database_is_written_after_a_lost_database(
    settings, caplog, key, alice, lost_database
):
    settings.DATABASE_ROUTERS = [AuditInAnotherDatabase()]

    ask(alice, nonce="")

    assert log_messages(caplog) == ["The audit entry 'nonce_missing' was not written."]
    assert "The connection 'elsewhere' doesn't exist." in caplog.text


def test_a_failing_audit_does_not_change_a_refusal(key, alice):
    with failing_audit():
        response = ask(alice)

    assert read(response)[1]["code"] == "nonce_missing"


@pytest.mark.django_db(transaction=True)
def test_a_failing_audit_does_not_fail_a_login_in_autocommit(caplog, key, alice):
    with failing_audit():
        issue_identity_token(alice, NONCE)

    assert log_messages(caplog) == [FAILED]
    assert AuditEntry.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_an_entry_is_committed_before_the_token_is_returned(
    key, alice, django_assert_num_queries
):
    issue_identity_token(alice, NONCE)  # the first one writes the ledger
    with django_assert_num_queries(4) as captured:
        issue_identity_token(alice, NONCE)

    verbs = [query["sql"].split()[0] for query in captured]
    assert verbs == ["SELECT", "BEGIN", "INSERT", "COMMIT"]


@pytest.mark.django_db(transaction=True)
def test_an_entry_is_part_of_the_projects_transaction(key, alice):
    with transaction.atomic():
        issue_identity_token(alice, NONCE)
        assert codes() == ["issued"]
        transaction.set_rollback(True)

    assert codes() == []


@pytest.mark.django_db(transaction=True)
def test_no_thread_is_started(key, alice):
    before = threading.enumerate()

    with transaction.atomic():
        issue_identity_token(alice, NONCE)

    assert threading.enumerate() == before


@pytest.mark.django_db(transaction=True)
def test_a_failing_audit_does_not_affect_the_projects_transaction(
    caplog, monkeypatch, key, alice
):
    monkeypatch.setattr(AuditEntry._meta, "db_table", "no_such_table")

    with transaction.atomic():
        alice.first_name = "Al"
        alice.save()
        issue_identity_token(alice, NONCE)

    alice.refresh_from_db()
    assert alice.first_name == "Al"
    assert log_messages(caplog) == [FAILED]


def test_the_app_records_from_ready_on(caplog, key, alice):
    stop_recording()
    caplog.set_level(logging.INFO, "django_layer_identity")
    config = apps.get_app_config("layer_identity_audit")

    LayerIdentityAuditConfig(config.name, config.module).ready()
    issue_identity_token(alice, NONCE)

    assert codes() == ["issued"]


def test_nothing_is_recorded_before_the_app_is_ready(key, alice):
    stop_recording()

    issue_identity_token(alice, NONCE)

    assert codes() == []


@pytest.mark.parametrize("times", [1, 2])
def test_connecting_twice_does_not_record_twice(key, alice, times):
    for _ in range(times):
        recording.connect()

    issue_identity_token(alice, NONCE)

    assert codes() == ["issued"]
