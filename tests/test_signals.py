"""Each outcome sends one signal, without secrets; receivers never fail a request."""

from __future__ import annotations

import logging

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.handlers.wsgi import WSGIRequest
from django.utils.functional import SimpleLazyObject
from rest_framework.permissions import BasePermission

from django_layer_identity.digests import nonce_digest
from django_layer_identity.exceptions import (
    NonceMissing,
    Refusal,
    SigningFailed,
    UserIDFailed,
)
from django_layer_identity.issuing import issue_identity_token
from django_layer_identity.models import LayerApp
from django_layer_identity.reporting import Facts, report_refused
from django_layer_identity.signals import identity_token_issued, identity_token_refused
from tests.conftest import APP_ID
from tests.endpoint import (
    FORM,
    JSON,
    NONCE,
    URL,
    ask,
    configure,
    phone_of,
    read,
)
from tests.internals import clear_loaded_keys
from tests.models import Member

APP = f"layer:///apps/production/{APP_ID}"
SECRETS = ["alice@example.com", "+441865000000", "wonderland", "Liddell"]


class Never(BasePermission):
    def has_permission(self, request, view):
        return False


@pytest.fixture
def received():
    """The received signals in order: "issued" or a refusal's code, and the facts."""
    sent = []

    def issued(signal, sender, **facts):
        sent.append(("issued", facts))

    def refused(signal, sender, code, **facts):
        sent.append((code, facts))

    identity_token_issued.connect(issued)
    identity_token_refused.connect(refused)
    yield sent
    identity_token_issued.disconnect(issued)
    identity_token_refused.disconnect(refused)


@pytest.fixture
def log(caplog):
    """Our log lines of every level."""
    caplog.set_level(logging.INFO, "django_layer_identity")
    return lambda: [
        record.getMessage()
        for record in caplog.records
        if record.name == "django_layer_identity"
    ]


def facts(**known):
    unknown = ["user", "request", "app", "fingerprint", "nonce_digest"]
    return {**dict.fromkeys(unknown), **known}


def posted(received, **known):
    """Return the facts with the request of the first signal."""
    request = received[0][1]["request"]
    assert (type(request), request.path) == (WSGIRequest, URL)
    return facts(request=request, **known)


def test_an_issued_token_sends_one_signal_with_its_facts(received, app, key, alice):
    ask(alice, nonce=NONCE)

    known = posted(
        received,
        user=alice,
        app=app,
        fingerprint=key.fingerprint,
        nonce_digest=nonce_digest(NONCE),
    )
    assert received == [("issued", known)]


def test_a_token_without_a_request_sends_a_signal_without_one(received, key, alice):
    issue_identity_token(alice, NONCE)

    assert received[0][1]["request"] is None


def test_a_request_passed_from_python_is_sent(received, rf, key, alice):
    request = rf.post("/mine")

    issue_identity_token(alice, NONCE, request=request)
    with pytest.raises(NonceMissing):
        issue_identity_token(alice, "", request=request)

    assert [known["request"] for _, known in received] == [request, request]


def test_receivers_can_ask_for_the_sender(received, key, alice):
    sent = []

    def receiver(sender, **facts):
        sent.append(sender)

    identity_token_issued.connect(receiver, sender=LayerApp)
    ask(alice, nonce=NONCE)
    identity_token_issued.disconnect(receiver, sender=LayerApp)

    assert sent == [LayerApp]


@pytest.mark.parametrize("code", ["issued", "nonce_missing"])
def test_a_user_of_a_session_is_sent_as_the_real_instance(
    received, client, key, alice, code
):
    client.force_login(alice)

    client.post(URL, {"nonce": NONCE} if code == "issued" else {})

    [(outcome, known)] = received
    assert (outcome, type(known["user"]), known["user"]) == (code, User, alice)


def test_a_user_that_is_wrapped_twice_is_sent_as_the_real_instance(
    received, key, alice
):
    wrapped = SimpleLazyObject(lambda: SimpleLazyObject(lambda: alice))

    issue_identity_token(wrapped, NONCE)

    assert type(received[0][1]["user"]) is User


def test_a_token_issued_from_python_sends_one_signal(received, key, alice):
    issue_identity_token(alice, NONCE)

    assert [outcome for outcome, _ in received] == ["issued"]


@pytest.mark.parametrize(
    ("parameters", "code", "known"),
    [
        ({"nonce": "\x00"}, "nonce_invalid", []),
        ({"app_id": "nonsense"}, "app_unknown", ["nonce_digest"]),
        ({"user_id": "bob"}, "user_id_mismatch", ["nonce_digest", "app"]),
        ({}, "no_signing_key", ["nonce_digest", "app"]),
    ],
)
def test_a_refusal_sends_a_signal_with_the_known_facts(
    received, app, alice, parameters, code, known
):
    ask(alice, **{"nonce": NONCE, **parameters})

    all_facts = {"nonce_digest": nonce_digest(NONCE), "app": app}
    sent = {name: all_facts[name] for name in known}
    assert received == [(code, posted(received, user=alice, **sent))]


def test_a_key_that_fails_to_sign_is_named(received, settings, key, alice):
    clear_loaded_keys()
    configure(settings, KEY_ENCRYPTION_KEYS=[])

    with pytest.raises(SigningFailed):
        issue_identity_token(alice, NONCE)

    code, known = received[0]
    assert (code, known["fingerprint"]) == ("signing_failed", key.fingerprint)


@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        ("{", JSON, "parse_error"),
        ("{}", JSON, "nonce_missing"),
        ("nonce=a+b", FORM, "nonce_invalid"),
        ("x", "text/plain", "unsupported_media_type"),
        ("x" * 17_408, JSON, "body_too_large"),
    ],
)
def test_a_refused_body_sends_one_signal(
    received, key, alice, body, content_type, code
):
    phone_of(alice).generic("POST", URL, body, content_type)

    assert received == [(code, posted(received, user=alice))]


def test_a_refused_method_sends_one_signal(received, key, alice):
    phone_of(alice).get(URL)

    assert received == [("method_not_allowed", posted(received, user=alice))]


def test_a_refused_permission_sends_one_signal(received, settings, key, alice):
    configure(settings, PERMISSION_CLASSES=[Never])

    ask(alice, nonce=NONCE)

    assert received == [("permission_denied", posted(received, user=alice))]


def test_a_request_without_valid_credentials_sends_one_signal(
    received, key, client, alice
):
    client.post(URL, {"nonce": NONCE})
    ask(AnonymousUser(), nonce=NONCE)
    alice.is_active = False
    ask(alice, nonce=NONCE)

    sent = [(code, known["user"]) for code, known in received]
    assert sent == [
        ("not_authenticated", None),
        ("authentication_failed", None),
        ("user_inactive", alice),
    ]


def test_a_request_without_credentials_is_in_the_signal(received, client, db):
    client.post(URL, {"nonce": NONCE})

    assert received == [("not_authenticated", posted(received))]


def test_receivers_that_fail_do_not_fail_the_request(received, key, alice, client):
    def fail(**kwargs):
        raise ZeroDivisionError

    identity_token_issued.connect(fail)
    identity_token_refused.connect(fail)
    try:
        assert read(ask(alice, nonce=NONCE))[0] == 200
        assert read(ask(alice))[0] == 400
        assert read(client.post(URL))[0] == 403
    finally:
        identity_token_issued.disconnect(fail)
        identity_token_refused.disconnect(fail)
    assert [outcome for outcome, _ in received] == [
        "issued",
        "nonce_missing",
        "not_authenticated",
    ]


@pytest.mark.parametrize(
    "parameters",
    [{}, {"app_id": "nonsense"}, {"user_id": "alice@example.com"}, {"nonce": "\x00"}],
    ids=repr,
)
def test_neither_log_nor_signal_holds_a_secret(
    received, caplog, key, alice, parameters
):
    caplog.set_level(logging.DEBUG)
    alice.email = "alice@example.com"

    _, body = read(
        ask(alice, **{"nonce": NONCE, "password": "wonderland", **parameters})
    )

    sent = caplog.text + str(received)
    secrets = [NONCE, *SECRETS, body.get("identity_token", NONCE)]
    assert [secret for secret in secrets if secret in sent] == []


def test_the_log_has_a_line_for_each_outcome(log, key, alice, client):
    digest = nonce_digest(NONCE)

    ask(alice, nonce=NONCE)
    ask(alice, nonce=NONCE, user_id="bob")
    client.post(URL)

    assert log() == [
        f"Identity token issued: app='{APP}' key='{key.fingerprint}' "
        f"user={alice.pk} nonce='{digest}'",
        f"Identity token refused: user_id_mismatch app='{APP}' key=None "
        f"user={alice.pk} nonce='{digest}' "
        "reason='The “user_id” sent is not the Layer user ID of the logged-in user. Deauthenticate from Layer first.'",
        "Identity token refused: not_authenticated app=None key=None user=None "
        "nonce=None reason='Log in first: the request has no valid credentials.'",
    ]


def test_each_line_has_its_facts_as_fields_of_the_record(caplog, key, alice, client):
    caplog.set_level(logging.INFO, "django_layer_identity")

    ask(alice, nonce=NONCE)
    client.post(URL)

    names = ("code", "user_pk", "app_id", "fingerprint", "nonce_digest")
    fields = [
        tuple(getattr(record, name) for name in names)
        for record in caplog.records
        if record.name == "django_layer_identity"
    ]
    assert fields == [
        ("issued", alice.pk, APP, key.fingerprint, nonce_digest(NONCE)),
        ("not_authenticated", None, None, None, None),
    ]


def test_a_log_record_has_no_object_that_names_a_user(caplog, key, alice, client):
    caplog.set_level(logging.INFO, "django_layer_identity")
    clear_loaded_keys()

    ask(alice, nonce=NONCE)
    ask(alice)

    records = [one for one in caplog.records if one.name == "django_layer_identity"]
    arguments = [value for record in records for value in record.args]
    assert {type(value) for value in arguments} == {str}


def test_the_log_level_separates_server_errors_from_client_errors(caplog, app, alice):
    caplog.set_level(logging.INFO, "django_layer_identity")

    ask(alice)
    ask(alice, nonce=NONCE)

    levels = [
        (record.levelname, bool(record.exc_info))
        for record in caplog.records
        if record.name == "django_layer_identity"
    ]
    assert levels == [("INFO", False), ("ERROR", False)]


def test_a_primary_key_cannot_split_a_line(settings, log, caplog, key):
    settings.AUTH_USER_MODEL = "tests.Member"
    pk = "eve\r\nIdentity token issued: app='x'\u2028\x85\x1b[2J"
    member = Member.objects.create(email=pk)

    ask(member)

    assert [line.isprintable() for line in log()] == [True]
    [record] = [one for one in caplog.records if one.name == "django_layer_identity"]
    assert record.user_pk == repr(pk)


@pytest.mark.parametrize("name", ["nonce", "app_id", "user_id", "x\ny"])
def test_a_parameter_cannot_split_a_line(log, key, alice, name):
    ask(alice, **{"nonce": NONCE, name: "a\r\nIdentity token issued: b\u2028c"})

    assert [line.isprintable() for line in log()] == [True]


def test_a_nonce_digest_is_keyed(settings):
    digest = nonce_digest(NONCE)
    settings.SECRET_KEY = "another secret for tests"

    assert len(digest) == 64
    assert nonce_digest(NONCE) != digest


@pytest.mark.parametrize(
    ("user_id", "reason"),
    [
        (" ", "A Layer user ID must not be blank."),
        ("x" * 129, "A Layer user ID must have at most 128 characters."),
    ],
)
def test_the_log_has_the_reason_of_an_unusable_user_id(
    log, settings, key, alice, user_id, reason
):
    configure(settings, USER_ID=lambda context: user_id)

    ask(alice, nonce=NONCE)

    [line] = log()
    assert f" reason={reason!r} advice=" in line


def test_the_line_of_a_server_error_says_what_to_do(log, settings, key, alice):
    configure(settings, USER_ID=lambda context: 1 / 0)

    ask(alice, nonce=NONCE)

    [line] = log()
    assert f" advice={UserIDFailed.advice!r}" in line


def test_a_line_whose_reason_says_what_to_do_needs_no_advice(log, app, alice):
    ask(alice, nonce=NONCE)

    [line] = log()
    assert line.endswith(
        " reason='The Layer app Messenger has no active signing key. Activate one, with "
        "“manage.py layer_key_activate” or in the admin.'"
    )


def test_the_line_of_a_refusal_that_only_the_operator_can_resolve_says_what_to_do(
    log, settings, key, alice
):
    configure(settings, USER_ID=lambda context: "")

    ask(alice, nonce=NONCE)

    [line] = log()
    assert line.endswith(
        " reason='A Layer user ID must not be blank.' "
        'advice="The value that USER_ID yields is missing, not verified or not valid. The '
        "log says why. Correct it in the user's account, or let USER_ID use a value that "
        'every user has."'
    )


def test_a_refusal_of_the_project_needs_no_advice(log):
    class ContractsDown(Refusal):
        code, detail, is_server_error = "unavailable", "Try again later.", True

    report_refused(ContractsDown(), Facts())

    assert log() == [
        "Identity token refused: unavailable app=None key=None user=None nonce=None advice=''"
    ]


def test_the_log_does_not_repeat_messages_of_the_projects_classes(
    log, settings, key, alice
):
    class Talkative(BasePermission):
        message = "alice@example.com may not"

        def has_permission(self, request, view):
            return False

    configure(settings, PERMISSION_CLASSES=[Talkative])

    ask(alice, nonce=NONCE)

    [line] = log()
    assert line.endswith(".Talkative: permission_denied'")
