"""Each outcome becomes a row, and no row stops a login."""

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


@pytest.fixture
def heard():
    """The codes of the refusals that were signalled."""
    codes = []

    def receiver(code, **facts):
        codes.append(code)

    identity_token_refused.connect(receiver)
    yield codes
    identity_token_refused.disconnect(receiver)


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
            "address": "127.0.0.1",
        }
    ]


def test_a_refusal_is_recorded_with_what_was_known_by_then(key, alice):
    ask(alice, nonce="")
    ask(alice, nonce=NONCE, user_id="bob")

    who = {"user_pk": str(alice.pk), "address": "127.0.0.1"}
    nonce = {"nonce_digest": nonce_digest(NONCE)}
    assert recorded() == [
        {"code": "nonce_missing", **who},
        {"code": "user_id_mismatch", **who, **nonce, "app_id": APP},
    ]


def test_no_refusal_is_recorded_before_a_user_is_known(heard, key, client, alice):
    client.post(URL, {"nonce": NONCE})
    client.post(URL, headers={"Authorization": "Basic eDp5"})
    client.put(URL)
    with pytest.raises(AuthenticationFailed):
        issue_identity_token(User(username="unsaved"), NONCE)

    assert heard == [
        "not_authenticated",
        "authentication_failed",
        "not_authenticated",
        "authentication_failed",
    ]
    assert codes() == []


def test_no_csrf_failure_is_recorded(heard, key, alice):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)

    browser.post(URL, {"nonce": NONCE})

    assert heard == ["csrf_failed"]
    assert codes() == []


def test_no_stranger_who_is_throttled_is_recorded(heard, settings, key, client):
    configure(settings, THROTTLE_RATES={"failures": "1/min"})

    for _ in range(2):
        client.post(URL, headers={"Authorization": "Basic eDp5"})

    assert heard == ["authentication_failed", "throttled"]
    assert codes() == []


def test_no_user_who_is_throttled_is_recorded(heard, settings, key, alice):
    configure(settings, THROTTLE_RATES={"user": "1/min"})

    for _ in range(2):
        ask(alice, nonce=NONCE)

    assert heard == ["throttled"]
    assert codes() == ["issued"]


def test_a_token_that_no_endpoint_issued_is_recorded_too(key, alice):
    issue_identity_token(alice, NONCE)

    assert [(entry["code"], entry.get("address")) for entry in recorded()] == [
        ("issued", None)
    ]


@pytest.mark.parametrize(
    ("told", "address"),
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
def test_the_address_of_the_request_is_recorded(key, alice, told, address):
    phone_of(alice).post(URL, {"nonce": NONCE}, REMOTE_ADDR=told)

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


def test_a_session_that_cannot_be_read_hides_no_token(caplog, rf, key, alice):
    class UnreadableSession:
        def get(self, name):
            raise DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")

    request = rf.post("/mine")
    request.session = UnreadableSession()

    issue_identity_token(alice, NONCE, request=request)

    assert codes() == ["issued"]
    assert complaints(caplog) == ["The session cannot be read for an audit entry"]


def test_headers_with_an_address_are_not_believed(key, alice):
    forged = {"X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9"}

    phone_of(alice).post(URL, {"nonce": NONCE}, headers=forged)

    assert [entry["address"] for entry in recorded()] == ["127.0.0.1"]


def test_an_entry_has_the_time(key, alice):
    ask(alice, nonce=NONCE)

    entry = AuditEntry.objects.get()
    assert str(entry) == f"issued, {entry.created_at:%Y-%m-%d %H:%M:%S}"


def test_a_long_primary_key_is_recorded_as_far_as_there_is_room(settings, key):
    settings.AUTH_USER_MODEL = "tests.Member"
    member = Member.objects.create(email="e" * 300)

    ask(member)

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


def test_after_a_lost_database_no_entry_is_tried(caplog, key, alice, lost_database):
    assert read(ask(alice, nonce=""))[1]["code"] == "nonce_missing"

    assert complaints(caplog) == [
        "No audit entry, as the database has failed: 'nonce_missing'"
    ]
    assert codes() == []


class TrailElsewhere:
    def db_for_write(self, model, **hints):
        return "elsewhere" if model is AuditEntry else None


def test_a_trail_in_a_database_of_its_own_is_tried_all_the_same(
    settings, caplog, key, alice, lost_database
):
    settings.DATABASE_ROUTERS = [TrailElsewhere()]

    ask(alice, nonce="")

    assert complaints(caplog) == [
        "An audit entry could not be written: 'nonce_missing'"
    ]
    assert "The connection 'elsewhere' doesn't exist." in caplog.text


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
def test_a_failing_trail_leaves_the_projects_transaction_alone(
    caplog, monkeypatch, key, alice
):
    monkeypatch.setattr(AuditEntry._meta, "db_table", "no_such_table")

    with transaction.atomic():
        alice.first_name = "Al"
        alice.save()
        issue_identity_token(alice, NONCE)

    alice.refresh_from_db()
    assert alice.first_name == "Al"
    assert complaints(caplog) == [FAILED]


def test_the_app_records_from_its_start_on(caplog, key, alice):
    stop_recording()
    caplog.set_level(logging.INFO, "django_layer_identity")
    config = apps.get_app_config("layer_identity_audit")

    LayerIdentityAuditConfig(config.name, config.module).ready()
    issue_identity_token(alice, NONCE)

    assert codes() == ["issued"]


def test_nothing_is_recorded_before(key, alice):
    stop_recording()

    issue_identity_token(alice, NONCE)

    assert codes() == []


@pytest.mark.parametrize("times", [1, 2])
def test_however_often_it_is_connected_a_token_is_recorded_once(key, alice, times):
    for _ in range(times):
        recording.connect()

    issue_identity_token(alice, NONCE)

    assert codes() == ["issued"]
