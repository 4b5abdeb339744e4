"""Server errors: a clear refusal, with the reason only in the log."""

from __future__ import annotations

from ast import literal_eval
from datetime import timedelta

import pytest
import redis
from django.db import InterfaceError, OperationalError, ProgrammingError, connection
from rest_framework.authtoken.models import Token

from django_layer_identity.models import LayerUser, SigningKey
from tests.conftest import APP_ID
from tests.endpoint import NONCE, URL, ask, configure, read, refusal
from tests.internals import clear_loaded_keys

USER_ID_UNAVAILABLE = refusal(
    409,
    "user_id_unavailable",
    "This user has no usable Layer user ID. Complete or correct the account.",
)
USER_ID_FAILED = refusal(
    503,
    "user_id_failed",
    "The Layer user ID could not be determined. Try again later.",
)
NO_SIGNING_KEY = refusal(
    503,
    "no_signing_key",
    "Identity tokens cannot be signed at the moment. Try again later.",
)
SIGNING_FAILED = refusal(
    503, "signing_failed", "The identity token could not be signed. Try again later."
)
HOW_TO_SET_IT = (
    "Set it to its previous value: no other value decrypts the stored private keys. Only "
    "if that value is lost, or in a new installation, create an entry with “manage.py "
    "layer_encryption_key”, store it, and import the private keys again."
)
HOW_TO_RECOVER = (
    "Import the same private key again, restore that row from a backup, or revoke the "
    "key."
)
UNAVAILABLE = refusal(
    503, "unavailable", "The service is unavailable. Try again later."
)


def raises(context):
    raise LookupError("the directory is down")


def database_down(error):
    def fail(execute, *args):
        raise error("server closed the connection")

    return connection.execute_wrapper(fail)


@pytest.mark.parametrize(
    "value",
    [None, "", "   ", "\u3000", "None", "x" * 129, "a\nb", "a\x00", "\ud800"],
    ids=ascii,
)
def test_a_user_without_a_usable_id_is_refused(settings, key, alice, value):
    configure(settings, USER_ID=lambda context: value)

    assert read(ask(alice, nonce=NONCE)) == USER_ID_UNAVAILABLE


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (raises, "LookupError: the directory is down"),
        (
            lambda context: True,
            "TypeError: A Layer user ID must be text, an integer or a UUID, not bool.",
        ),
        (
            lambda context: 1.5,
            "TypeError: A Layer user ID must be text, an integer or a UUID, not float.",
        ),
        (
            lambda context: b"alice",
            "TypeError: A Layer user ID must be text, an integer or a UUID, not bytes.",
        ),
        (lambda context: 10**5000, "ValueError: Exceeds the limit"),
        ("nickname", "'nickname' does not exist: User has no attribute 'nickname'."),
        ("no.such.module:function", "No module named 'no'"),
    ],
    ids=["raises", "bool", "float", "bytes", "huge-integer", "attribute", "module"],
)
def test_a_user_id_that_cannot_be_computed_is_a_server_error(
    settings, caplog, key, alice, source, reason
):
    configure(settings, USER_ID=source)

    assert read(ask(alice, nonce=NONCE)) == USER_ID_FAILED
    assert reason in caplog.text


def test_without_an_active_key_nothing_is_signed(app, alice):
    assert read(ask(alice, nonce=NONCE)) == NO_SIGNING_KEY


@pytest.fixture
def logged(caplog):
    """Return the message and the traceback of the only log line of the package."""

    def logged():
        [record] = [
            one for one in caplog.records if one.name == "django_layer_identity"
        ]
        assert record.levelname == "ERROR"
        return record.getMessage(), record.exc_info

    return logged


def reason_of(line):
    """Return the reason at the end of a log line that names the app."""
    assert f" app='layer:///apps/production/{APP_ID}' " in line
    return literal_eval(line.partition(" reason=")[2])


def test_a_retired_key_does_not_sign(key, alice):
    key.retire()

    assert read(ask(alice, nonce=NONCE)) == NO_SIGNING_KEY


def test_a_missing_key_is_one_log_line_with_the_app_and_the_way_out(app, alice, logged):
    ask(alice, nonce=NONCE)

    line, traceback = logged()
    assert line.startswith("Identity token refused: no_signing_key app=")
    assert reason_of(line) == (
        "The Layer app Messenger has no active signing key. Activate one, with "
        "“manage.py layer_key_activate” or in the admin."
    )
    assert traceback is None


def test_a_revoked_key_does_not_sign(key, alice):
    assert read(ask(alice, nonce=NONCE))[0] == 200

    key.revoke("leaked")

    assert read(ask(alice, nonce=NONCE)) == NO_SIGNING_KEY


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        (
            ["another entry, longer than 32 characters"],
            "Put that entry back. If it is lost, import the same private key again. If "
            "the private key is lost too, activate another key.",
        ),
        (["too short"], f"has 9 characters. It must have 32 or more. {HOW_TO_SET_IT}"),
        ([], f"check that the variable is set here. {HOW_TO_SET_IT}"),
    ],
    ids=["another", "short", "empty"],
)
def test_a_key_encrypted_with_another_entry_is_not_used_and_one_line_says_why(
    settings, logged, key, alice, entries, reason
):
    clear_loaded_keys()
    configure(settings, KEY_ENCRYPTION_KEYS=entries)

    assert read(ask(alice, nonce=NONCE)) == SIGNING_FAILED
    line, traceback = logged()
    assert reason_of(line).endswith(reason)
    assert traceback is None


def test_a_damaged_key_is_not_used_and_one_line_says_why(logged, key, alice):
    clear_loaded_keys()
    damaged = key.encrypted_private_key[:-5]
    SigningKey.objects.filter(pk=key.pk).update(encrypted_private_key=damaged)

    assert read(ask(alice, nonce=NONCE)) == SIGNING_FAILED
    line, traceback = logged()
    assert reason_of(line).endswith(f" is damaged. {HOW_TO_RECOVER}")
    assert traceback is None


def test_a_swapped_key_is_not_used_and_one_line_says_why(
    logged, key, alice, other_private_key
):
    clear_loaded_keys()
    other = SigningKey.from_private_key(key.app, other_private_key)
    swapped = other.encrypted_private_key
    SigningKey.objects.filter(pk=key.pk).update(encrypted_private_key=swapped)

    assert read(ask(alice, nonce=NONCE)) == SIGNING_FAILED
    line, traceback = logged()
    assert reason_of(line) == (
        f"The stored private key of signing key {key.fingerprint[:16]} (Layer app "
        f"{key.app_id}) belongs to signing key {other.fingerprint[:16]} (Layer app "
        f"{key.app_id}). {HOW_TO_RECOVER}"
    )
    assert traceback is None


def damage_ledger(settings, user):
    LayerUser.objects.filter(current_for=user).update(user_id="eve")


def misspell(**setting):
    return lambda settings, user: configure(settings, **setting)


@pytest.mark.parametrize(
    ("change", "code", "reason"),
    [
        (damage_ledger, "user_id_failed", "Restore the row from a backup."),
        (
            misspell(USER_ID="nickname", USER_ID_CHANGE="follow"),
            "user_id_failed",
            "'nickname' does not exist: User has no attribute 'nickname'.",
        ),
        (
            misspell(NONCE_GUARD="redis"),
            "nonce_guard_unavailable",
            "NONCE_GUARD must be 'cache', 'database' or None, not 'redis'.",
        ),
        (
            misspell(TOKEN_LIFETIME=timedelta(hours=25)),
            "signing_failed",
            "LAYER_IDENTITY['TOKEN_LIFETIME'] must be a timedelta from 30 seconds to 24 "
            "hours. Correct it; for example: timedelta(minutes=5).",
        ),
        (
            misspell(THROTTLE_RATES={"user": "5/fortnight"}),
            "unavailable",
            "LAYER_IDENTITY['THROTTLE_RATES'] is invalid: Invalid rate: '5/fortnight'. "
            'Correct it; for example: "60/min".',
        ),
    ],
    ids=["ledger", "user-id", "nonce-guard", "lifetime", "rate"],
)
def test_what_the_operator_can_mend_is_logged_without_a_traceback(
    settings, caplog, key, alice, logged, change, code, reason
):
    ask(alice, nonce=NONCE)
    change(settings, alice)
    caplog.clear()

    assert read(ask(alice, nonce=NONCE))[1]["code"] == code
    line, traceback = logged()
    assert line.startswith(f"Identity token refused: {code} ")
    assert literal_eval(line.partition(" reason=")[2]).endswith(reason)
    assert traceback is None


@pytest.mark.parametrize(
    ("setting", "kind"), [(["USER_ID"], "list"), ("secret", "str"), (None, "NoneType")]
)
def test_settings_that_are_not_a_dict_are_one_log_line_that_says_so(
    settings, key, alice, logged, setting, kind
):
    settings.LAYER_IDENTITY = setting

    assert read(ask(alice, nonce=NONCE)) == UNAVAILABLE
    line, traceback = logged()
    assert literal_eval(line.partition(" reason=")[2]) == (
        f"LAYER_IDENTITY must be a dict, not {kind}."
    )
    assert traceback is None


def test_an_error_of_the_projects_code_is_logged_with_its_traceback(
    settings, key, alice, logged
):
    configure(settings, USER_ID=raises)

    ask(alice, nonce=NONCE)

    line, (kind, _error, _traceback) = logged()
    assert " reason=" not in line
    assert kind is LookupError


def test_a_corrected_setting_works_at_the_next_request(settings, key, alice):
    clear_loaded_keys()
    right = settings.LAYER_IDENTITY
    configure(settings, KEY_ENCRYPTION_KEYS=["x" * 32])
    assert read(ask(alice, nonce=NONCE)) == SIGNING_FAILED

    settings.LAYER_IDENTITY = right

    assert read(ask(alice, nonce=NONCE))[0] == 200


@pytest.mark.parametrize("error", [OperationalError, InterfaceError, ProgrammingError])
def test_a_database_outage_is_unavailable(caplog, key, alice, error):
    with database_down(error):
        response = ask(alice, nonce=NONCE)

    assert read(response) == UNAVAILABLE
    assert "server closed the connection" in caplog.text


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_database_outage_during_authentication_is_unavailable(
    settings, caplog, key, alice, client, error
):
    token_authentication = "rest_framework.authentication.TokenAuthentication"
    configure(settings, AUTHENTICATION_CLASSES=[token_authentication])
    headers = {"Authorization": f"Token {Token.objects.create(user=alice).key}"}

    with database_down(error):
        response = client.post(URL, {"nonce": NONCE}, headers=headers)

    assert read(response) == UNAVAILABLE
    assert "server closed the connection" in caplog.text
    assert read(client.post(URL, {"nonce": NONCE}, headers=headers))[0] == 200


class NoJSON(OSError, ValueError):
    """The error that requests raises if a server answers with a web page."""


@pytest.fixture
def attempts():
    """The attempts to use an unavailable database."""
    attempts = []

    def fail(execute, sql, *args):
        attempts.append(sql)
        raise OperationalError("server closed the connection")

    with connection.execute_wrapper(fail):
        yield attempts


def test_a_session_that_could_not_be_read_is_not_read_again(
    key, alice, client, attempts
):
    client.cookies["sessionid"] = "s" * 32

    answer = client.post(URL, {"nonce": NONCE})

    assert read(answer) == UNAVAILABLE
    assert answer.wsgi_request.user.is_anonymous  # an error report reads it too
    assert len(attempts) == 1


def test_a_database_cache_that_fails_ends_the_request(settings, key, alice, attempts):
    cache = "django.core.cache.backends.db.DatabaseCache"
    settings.CACHES = {"default": {"BACKEND": cache, "LOCATION": "cache"}}

    assert read(ask(alice, nonce=NONCE)) == UNAVAILABLE
    assert len(attempts) == 1


class UsesService:
    """An authentication class that uses another service."""

    error = None

    def authenticate(self, request):
        raise self.error

    def authenticate_header(self, request):
        return None


@pytest.mark.parametrize(
    "error",
    [
        redis.ConnectionError("Error 111 connecting to cache:6379"),
        redis.TimeoutError("Timeout reading from socket"),
        ConnectionRefusedError(111, "Connection refused"),
        TimeoutError("timed out"),
        NoJSON("the directory answered with a web page"),
    ],
    ids=["redis", "redis-timeout", "refused", "timeout", "no-json"],
)
def test_an_outage_behind_an_authentication_class_is_unavailable(
    monkeypatch, settings, caplog, client, db, error
):
    monkeypatch.setattr(UsesService, "error", error)
    configure(settings, AUTHENTICATION_CLASSES=[UsesService])

    assert read(client.post(URL, {"nonce": NONCE})) == UNAVAILABLE
    assert str(error) in caplog.text


def test_a_bug_in_authentication_is_logged_with_its_traceback(
    monkeypatch, settings, caplog, client, db
):
    monkeypatch.setattr(UsesService, "error", LookupError("a bug"))
    configure(settings, AUTHENTICATION_CLASSES=[UsesService])

    assert read(client.post(URL, {"nonce": NONCE})) == UNAVAILABLE
    assert "raise self.error\nLookupError: a bug" in caplog.text
