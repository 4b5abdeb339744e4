"""The doctor finds what keeps an installation from issuing tokens."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from io import StringIO
from textwrap import dedent
from uuid import UUID

import pytest
from django.core.cache import caches
from django.core.cache.backends.redis import RedisCache
from django.core.management import (
    CommandError,
    call_command,
    execute_from_command_line,
)
from django.db import OperationalError, ProgrammingError, connection
from django.db.models import QuerySet
from django.utils.timezone import now

from django_layer_identity.audit.models import AuditEntry
from django_layer_identity.doctor import CHECKS, Finding, run_checks
from django_layer_identity.exceptions import NotFound
from django_layer_identity.models import LayerApp, LayerUser, SigningKey, SpentNonce
from django_layer_identity.protocol.identifiers import KeyID
from tests import internals
from tests.conftest import APP_ID, KEY_ID, PROVIDER_ID
from tests.key_pairs import load_private_key
from tests.pages import page

OTHER_ID = UUID("cccccccc-0000-4000-8000-000000000009")
PAGE = page("doctor")
HEALTHY = [
    ("settings", "ok"),
    ("migrations", "ok"),
    ("apps", "ok"),
    ("encryption", "ok"),
    ("self-test", "ok"),
    ("key-age", "ok"),
    ("ids", "ok"),
    ("cache", "ok"),
    ("cache-answers", "ok"),
    ("clock", "ok"),
    ("refusals", "ok"),
    ("test-key", "ok"),
    ("round-trip", "ok"),
]


DEAD_CACHE = {
    "BACKEND": "django.core.cache.backends.redis.RedisCache",
    "LOCATION": "redis://127.0.0.1:1",
}


class Working(RedisCache):
    """Needs no server."""

    def __init__(self, location, params):
        super().__init__(location, params)
        self.entries = {}

    def set(self, key, value, timeout):
        self.entries[key] = value

    def get(self, key):
        return self.entries.get(key)

    def delete(self, key):
        del self.entries[key]


class Forgetful(Working):
    """Behaves like a Memcached client that ignores errors."""

    def get(self, key):
        return None


@pytest.fixture(autouse=True)
def production(settings):
    """Settings of a project that is deployed correctly."""
    settings.DEBUG = False
    settings.CACHES = {
        "default": {"BACKEND": "tests.test_doctor.Working", "LOCATION": "unused"}
    }
    settings.LAYER_IDENTITY = {
        **settings.LAYER_IDENTITY,
        "AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication"],
        "SANDBOX": None,
    }
    settings.REST_FRAMEWORK = {"NUM_PROXIES": 0}
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True


def problems(**options):
    """Return the findings that are not “ok”."""
    return [finding for finding in run_checks(**options) if finding.severity != "ok"]


def severities(**options):
    return [(finding.id, finding.severity) for finding in run_checks(**options)]


def test_a_healthy_installation_has_no_problems(key):
    assert severities() == HEALTHY


def test_there_are_at_most_thirteen_checks():
    assert len(CHECKS) <= 13


def test_an_empty_installation_has_no_app(db):
    assert problems() == [
        Finding(
            "apps",
            "error",
            "No Layer app is enabled: nobody gets identity tokens.",
            "Create one in the admin or with layer_app_create, or enable one.",
        )
    ]


def test_a_disabled_app_counts_as_none(key):
    LayerApp.objects.update(enabled=False)

    assert [finding.id for finding in problems()] == ["apps"]


def test_an_app_without_an_active_key_is_named(app, draft):
    [finding] = problems()

    assert finding.message == (
        "Messenger has no active signing key: its users get no identity tokens."
    )


CREATE = (
    "Generate a key (layer_key_generate) or import one (layer_key_import), and activate "
    "it."
)


def next_step():
    """Return the hint for the only app, which has no active key."""
    [finding] = problems()
    return finding.hint


def test_an_app_without_keys_needs_one(app):
    assert next_step() == CREATE


def test_a_draft_needs_a_key_id(app, draft):
    assert next_step() == (
        f"Enter the key ID of {draft} (layer_key_set_id), and activate it "
        "(layer_key_activate)."
    )


def test_a_draft_with_a_key_id_only_needs_activation(app, private_key):
    SigningKey.from_private_key(app, private_key, key_id=KEY_ID).save()

    assert next_step() == f"Activate the key {KEY_ID} (layer_key_activate)."


def test_a_retired_key_can_be_activated_again(key, draft):
    key.retire()

    assert next_step() == (
        f"Activate the key {KEY_ID} again (layer_key_activate), or create another one."
    )


def test_a_ready_key_is_the_first_choice(key, draft, app):
    key.retire()
    third = load_private_key("third")
    ready = SigningKey.from_private_key(app, third, key_id=OTHER_ID)
    ready.save()
    ready.run_self_test()

    assert next_step() == f"Activate the key {OTHER_ID} (layer_key_activate)."


def test_a_revoked_key_cannot_become_active(key):
    key.revoke("leaked")

    assert next_step() == CREATE


def test_a_key_that_cannot_be_decrypted_is_no_next_step(key, other_secret):
    key.retire()

    assert [found.hint for found in problems() if found.id == "apps"] == [CREATE]


def test_without_an_active_key_no_key_is_tested(app, draft):
    untested = [found for found in run_checks() if found.message.startswith("Not")]

    assert untested == [
        Finding(id, "ok", "Not tested: no enabled Layer app has an active key.")
        for id in ("self-test", "round-trip")
    ]


def test_with_another_secret_the_keys_that_cannot_be_decrypted_are_named(
    key, draft, settings
):
    settings.LAYER_IDENTITY = {
        **settings.LAYER_IDENTITY,
        "KEY_ENCRYPTION_KEYS": ["another entry of more than thirty-two characters"],
    }

    assert [(found.id, found.severity, found.message) for found in problems()] == [
        (
            "encryption",
            "error",
            f"The private key of {KEY_ID} (Messenger, active) cannot be "
            "decrypted with the present KEY_ENCRYPTION_KEYS: its users get no identity "
            "tokens.",
        ),
        (
            "encryption",
            "warning",
            f"The private key of {draft} (Messenger, draft) cannot be "
            "decrypted with the present KEY_ENCRYPTION_KEYS.",
        ),
        (
            "self-test",
            "warning",
            f"Not tested: the active key {KEY_ID} of Messenger.",
        ),
        (
            "round-trip",
            "warning",
            f"Not tested: the active key {KEY_ID} of Messenger.",
        ),
    ]


def test_a_damaged_row_fails_the_self_test(key):
    stored = key.encrypted_private_key
    damaged = f"{stored[:-40]}{stored[-40:].swapcase()}"
    SigningKey.objects.update(encrypted_private_key=damaged)

    finding, not_tested = problems()

    assert (finding.id, finding.severity) == ("self-test", "error")
    assert "is damaged" in finding.message
    assert (not_tested.id, not_tested.severity) == ("round-trip", "warning")


def test_ids_that_were_mixed_up_are_found(key):
    QuerySet.update(LayerApp.objects.all(), provider_id=APP_ID)  # past the checks
    SigningKey.objects.update(key_id=APP_ID)

    assert [(found.id, found.message) for found in problems()] == [
        (
            "ids",
            f"The app ID of Messenger, {APP_ID}, is also a provider ID.",
        ),
        (
            "ids",
            f"The key ID {APP_ID} is also the app ID of Messenger: Layer "
            "refuses the tokens.",
        ),
    ]


def test_a_cache_of_each_process_is_a_warning(key, settings):
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    }

    [finding] = problems()

    assert (finding.id, finding.severity) == ("cache", "warning")
    assert "each process has its own cache" in finding.message


def test_the_entry_that_tests_the_cache_is_deleted(key):
    run_checks()

    assert caches["default"].entries == {}


def test_a_cache_that_is_down_is_a_warning(key, dead_cache):
    assert problems() == [
        Finding(
            "cache-answers",
            "warning",
            "The cache 'default' does not work (ConnectionError): replay guard and rate "
            "limits do not either.",
            "Correct CACHES, or start the cache.",
        )
    ]


def test_only_rate_limits_need_the_cache_if_the_database_stores_the_nonces(
    key, dead_cache, settings
):
    settings.LAYER_IDENTITY = {**settings.LAYER_IDENTITY, "NONCE_GUARD": "database"}

    [finding] = problems()

    assert finding.message == (
        "The cache 'default' does not work (ConnectionError): rate limits do not either."
    )


def test_a_cache_that_is_down_is_an_error_if_tokens_need_it(key, dead_cache, settings):
    settings.LAYER_IDENTITY = {
        **settings.LAYER_IDENTITY,
        "NONCE_GUARD_FAILURE": "refuse",
    }

    assert problems() == [
        Finding(
            "cache-answers",
            "error",
            "The cache 'default' does not work (ConnectionError): users get no identity "
            "tokens.",
            "Correct CACHES, or start the cache.",
        )
    ]


def test_a_cache_that_returns_nothing_does_not_work(key, settings):
    settings.CACHES = {
        "default": {"BACKEND": "tests.test_doctor.Forgetful", "LOCATION": "unused"}
    }

    [finding] = problems()

    assert finding.message == (
        "The cache 'default' does not work (it does not return what it stores): replay "
        "guard and rate limits do not either."
    )


def test_a_cache_that_is_not_used_is_not_tested(key, dead_cache, settings):
    settings.LAYER_IDENTITY = {
        **settings.LAYER_IDENTITY,
        "NONCE_GUARD": "database",
        "THROTTLE_RATES": {"user": None, "failures": None},
    }

    assert problems() == []
    assert "Not tested: neither the replay guard nor rate limits use a cache." in [
        finding.message for finding in run_checks()
    ]


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        ("+4 seconds", []),
        ("+1 minute", [("clock", "warning")]),
        ("-1 hour", [("clock", "error")]),
    ],
)
def test_the_clock_is_compared_with_the_databases(key, monkeypatch, offset, expected):
    sql = f"SELECT strftime('%s', 'now', '{offset}')"
    monkeypatch.setitem(internals.DATABASE_TIME, "sqlite", sql)

    assert [(found.id, found.severity) for found in problems()] == expected


def test_the_clock_of_an_unknown_database_is_not_compared(key, monkeypatch):
    monkeypatch.delitem(internals.DATABASE_TIME, "sqlite")

    assert severities() == HEALTHY
    assert "Not compared: this database's clock cannot be asked." in [
        finding.message for finding in run_checks()
    ]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_after_a_missing_migration_no_other_check_runs():
    try:
        call_command("migrate", "layer_identity_audit", "0002", verbosity=0)
        assert run_checks()[1:] == [
            Finding(
                "migrations",
                "error",
                "These migrations are not applied: layer_identity_audit.0003_indexes.",
                "Run “manage.py migrate”.",
            )
        ]
    finally:
        call_command("migrate", verbosity=0)


def test_a_database_that_fails_is_an_error(key, lost_database, monkeypatch):
    def fail(*args):
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(connection, "cursor", fail)

    assert run_checks()[1:] == [
        Finding(
            "migrations",
            "error",
            "The database failed during this check.",
            "Check the connection to the database. OperationalError: server closed the "
            "connection",
        )
    ]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (OperationalError, "no such table: layer_identity_signingkey"),
        (OperationalError, "no such column: layer_identity_signingkey.tested_at"),
        (ProgrammingError, 'relation "layer_identity_signingkey" does not exist'),
        (ProgrammingError, "column layer_identity_signingkey.id does not exist"),
        (ProgrammingError, "(1146, \"Table 'x.layer_identity_key' doesn't exist\")"),
        (OperationalError, "(1054, \"Unknown column 'tested_at' in 'field list'\")"),
    ],
)
def test_a_missing_table_needs_a_migration(key, kind, text):
    def fail(execute, sql, *args):
        if (
            "layer_identity_signingkey" in sql
            and "fingerprint" in sql.split("WHERE")[-1]
        ):
            raise kind(text)
        return execute(sql, *args)

    with connection.execute_wrapper(fail):
        assert problems() == [
            Finding(
                "test-key",
                "error",
                "The database failed during this check.",
                "Run “manage.py migrate”: the tables do not match the code. "
                f"{kind.__name__}: {text}",
            )
        ]


def test_a_missing_table_of_apps_ends_the_checks(db):
    def fail(execute, sql, *args):
        if "layer_identity_layerapp" in sql:
            raise OperationalError("no such table: layer_identity_layerapp")
        return execute(sql, *args)

    with connection.execute_wrapper(fail):
        findings = run_checks()

    assert findings[2:] == [
        Finding(
            "apps",
            "error",
            "The database failed during this check.",
            "Run “manage.py migrate”: the tables do not match the code. "
            "OperationalError: no such table: layer_identity_layerapp",
        )
    ]


@pytest.mark.parametrize("name", ["database", "role"])
def test_a_missing_database_is_a_matter_of_the_connection(key, name):
    def fail(*args):
        raise OperationalError(f'{name} "shop" does not exist')

    with connection.execute_wrapper(fail):
        findings = run_checks()

    assert findings[1].hint == (
        f'Check the connection to the database. OperationalError: {name} "shop" does not '
        "exist"
    )


def test_a_key_older_than_a_year_is_a_warning(key):
    SigningKey.objects.update(created_at=now() - timedelta(days=400))

    [finding] = problems()

    assert (finding.id, finding.severity) == ("key-age", "warning")
    assert f"The active key {KEY_ID}" in finding.message
    assert "is 400 days old." in finding.message


def test_wrong_settings_are_errors_and_risky_ones_warnings(key, settings):
    settings.LAYER_IDENTITY = {
        **settings.LAYER_IDENTITY,
        "USER_ID_CHANGE": "sometimes",
        "NONCE_GUARD": None,
    }

    found = [(finding.id, finding.severity) for finding in problems()]

    assert found == [("settings", "error"), ("settings", "warning")]


def test_refusals_of_the_last_hour_are_listed_with_advice(key):
    AuditEntry.objects.create(code="no_signing_key")
    AuditEntry.objects.create(code="user_inactive")
    AuditEntry.objects.create(code="user_inactive")
    AuditEntry.objects.create(code="issued")
    AuditEntry.objects.create(code="throttled", created_at=now() - timedelta(hours=2))

    assert [(found.severity, found.message) for found in problems()] == [
        ("warning", "no_signing_key: 1 refused in the last hour."),
        ("warning", "user_inactive: 2 refused in the last hour."),
    ]
    assert all(found.hint for found in problems())


def test_only_the_refusals_of_the_only_app_count(key):
    AuditEntry.objects.create(
        code="user_inactive", app_id=f"layer:///apps/x/{OTHER_ID}"
    )

    assert problems() == []


def test_an_unknown_code_in_the_audit_trail_has_no_advice(key):
    AuditEntry.objects.create(code="own_code", app_id=str(key.app.identifier))

    [finding] = problems()

    assert finding.hint == ""


def test_without_the_audit_trail_refusals_are_not_checked(key, settings):
    settings.INSTALLED_APPS = [
        name
        for name in settings.INSTALLED_APPS
        if name != "tests.audit.apps.SilentAuditConfig"
    ]

    assert severities() == HEALTHY


def test_the_public_test_key_is_an_error(app):
    private_key = load_private_key("public_test")
    SigningKey.from_private_key(app, private_key, key_id=KEY_ID).save()
    SigningKey.objects.get().activate()

    [finding] = problems()

    assert (finding.id, finding.severity) == ("test-key", "error")
    assert "anyone can sign identity tokens with it" in finding.message


def test_the_round_trip_finds_what_layer_would_refuse(key, settings):
    settings.LAYER_IDENTITY = {
        **settings.LAYER_IDENTITY,
        "CLOCK_SKEW": timedelta(minutes=-2),
    }

    [_, finding] = problems()

    assert (finding.id, finding.severity) == ("round-trip", "error")
    assert finding.message.startswith("A token of Messenger: ")


@pytest.mark.parametrize("lifetime", [timedelta(0), timedelta(days=20), 300, None])
def test_the_round_trip_finds_a_lifetime_with_which_no_token_can_be_issued(
    key, settings, caplog, lifetime
):
    settings.LAYER_IDENTITY = {**settings.LAYER_IDENTITY, "TOKEN_LIFETIME": lifetime}

    assert problems()[1:] == [
        Finding(
            "round-trip",
            "error",
            "No token of Messenger can be issued: LAYER_IDENTITY['TOKEN_LIFETIME'] must be "
            "a timedelta from 30 seconds to 24 hours. Correct it; for example: "
            "timedelta(minutes=5).",
            "Correct the lifetime of the app's tokens, or CLOCK_SKEW.",
        )
    ]
    assert caplog.records == []


def test_the_round_trip_finds_a_clock_skew_with_which_no_token_can_be_issued(
    key, settings
):
    settings.LAYER_IDENTITY = {
        **settings.LAYER_IDENTITY,
        "CLOCK_SKEW": timedelta(days=2),
    }

    [_, finding] = problems()

    assert (finding.id, finding.severity) == ("round-trip", "error")
    assert finding.message.startswith("No token of Messenger can be issued: ")
    assert finding.hint == "Correct the lifetime of the app's tokens, or CLOCK_SKEW."


def test_one_app_can_be_examined(key, other_private_key):
    LayerApp.objects.create(name="Empty", app_id=OTHER_ID, provider_id=PROVIDER_ID)

    assert [finding.id for finding in problems()] == ["apps"]
    assert problems(app=key.app) == []
    assert problems(app=str(APP_ID)) == []


def test_an_unknown_app_cannot_be_examined(key):
    with pytest.raises(NotFound):
        run_checks(app=str(OTHER_ID))


def test_nothing_is_recorded(key):
    run_checks()

    assert SpentNonce.objects.count() == LayerUser.objects.count() == 0
    assert AuditEntry.objects.count() == 0
    assert SigningKey.objects.get().last_used_at is None


def test_quick_checks_open_no_key(key, parsed):
    internals.clear_loaded_keys()
    parsed.clear()

    found = severities(quick=True)

    slow = ("self-test", "cache-answers", "round-trip")
    assert found == [row for row in HEALTHY if row[0] not in slow]
    assert parsed == []


def test_the_number_of_queries_does_not_grow_with_the_keys(
    key, other_private_key, django_assert_max_num_queries
):
    with django_assert_max_num_queries(12):
        run_checks(quick=True)


@pytest.mark.parametrize("value", [[], None, "x", 7])
def test_settings_of_a_wrong_type_are_reported(key, settings, value):
    settings.LAYER_IDENTITY = value

    for quick in (True, False):
        findings = run_checks(quick=quick)
        assert findings[0].severity == "error"
        assert findings[0].message.startswith("LAYER_IDENTITY must be a dict, not ")


def test_a_check_that_fails_does_not_stop_the_others(key, settings, caplog):
    settings.LAYER_IDENTITY = {**settings.LAYER_IDENTITY, "CLOCK_SKEW": "5 seconds"}

    assert Finding(
        "clock",
        "error",
        "This check failed: AttributeError.",
        "Correct the settings first, if they are wrong. The log has the traceback.",
    ) in (found := problems())
    assert [finding.id for finding in found] == ["settings", "clock", "round-trip"]
    assert "The check clock failed." in caplog.messages
    assert caplog.records[0].exc_info


def test_what_a_check_found_before_it_failed_is_kept(app, settings, monkeypatch):
    def fail():
        raise RuntimeError("a secret")

    settings.LAYER_IDENTITY = {**settings.LAYER_IDENTITY, "NONCE_GUARD": "x"}
    monkeypatch.setattr("django_layer_identity.doctor.check_deployment", fail)

    messages = [f.message for f in run_checks() if f.id == "settings"]

    assert messages[0].startswith("LAYER_IDENTITY['NONCE_GUARD'] must be ")
    assert messages[1:] == ["This check failed: RuntimeError."]


class Refuses:
    """A signer or a signing backend that raises a foreign exception."""

    key_id = KeyID(KEY_ID)

    def sign(self, message):
        raise RuntimeError("PIN 1234 is wrong")


def load_refusing_signer(self, *, fresh=False):
    return Refuses()


def load_signer_once(load):
    """Fail only when the key is not loaded afresh, as the self-test loads it."""

    def load_signer(self, *, fresh=False):
        return load(self, fresh=True) if fresh else Refuses()

    return load_signer


def test_a_foreign_exception_in_the_self_test_is_named_by_its_type(key, monkeypatch):
    monkeypatch.setattr(SigningKey, "load_signer", load_refusing_signer)

    finding, _not_tested = problems()

    assert (finding.id, finding.severity, finding.message) == (
        "self-test",
        "error",
        f"The active key {KEY_ID} of Messenger does not sign: RuntimeError.",
    )


def test_a_foreign_exception_in_the_round_trip_is_a_finding(key, monkeypatch):
    load_signer = load_signer_once(SigningKey.load_signer)
    monkeypatch.setattr(SigningKey, "load_signer", load_signer)

    [finding] = problems()

    assert (finding.id, finding.severity, finding.message) == (
        "round-trip",
        "error",
        f"The active key {KEY_ID} of Messenger does not sign: RuntimeError.",
    )


def test_the_ids_of_a_revoked_key_do_not_count(key):
    SigningKey.objects.update(key_id=APP_ID)
    key.refresh_from_db()
    key.revoke("leaked")

    assert "ids" not in [finding.id for finding in problems()]


def test_mixed_up_ids_of_a_disabled_app_are_warnings(key, mixed_up_ids):
    LayerApp.objects.update(enabled=False)

    found = [f.severity for f in problems() if f.id == "ids"]

    assert found == ["warning", "warning"]


def test_the_ids_of_an_app_that_is_not_frozen_can_be_corrected(app, draft):
    QuerySet.update(LayerApp.objects.all(), provider_id=APP_ID)  # past the checks

    [hint] = [finding.hint for finding in problems() if finding.id == "ids"]

    assert hint == "Find out which of the two is wrong, and correct the Layer app."


def test_the_id_of_a_key_that_was_never_active_can_be_corrected(draft):
    QuerySet.update(SigningKey.objects.all(), key_id=APP_ID)  # past the checks

    [hint] = [finding.hint for finding in problems() if finding.id == "ids"]

    assert hint == "Enter another key ID (layer_key_set_id)."


@pytest.mark.parametrize(
    "wrong", [{"CACHE_ALIAS": "missing"}, {"THROTTLE_RATES": {"user": "often"}}]
)
def test_a_cache_that_cannot_be_tested_is_not_ok(key, settings, wrong):
    settings.LAYER_IDENTITY = {**settings.LAYER_IDENTITY, **wrong}

    assert [finding for finding in problems() if finding.id != "settings"] == [
        Finding(
            id,
            "error",
            "Not tested: CACHE_ALIAS or THROTTLE_RATES is invalid.",
            "The check “settings” says what is wrong.",
        )
        for id in ("cache", "cache-answers")
    ]


def test_a_disabled_app_that_is_examined_is_named(key):
    LayerApp.objects.update(enabled=False)

    [finding] = problems(app=str(APP_ID))

    assert finding.message == (
        "Messenger is disabled: its users get no identity tokens."
    )


# The command and its page


def run_command(**options):
    """Return what the command prints, and whether it succeeds."""
    out = StringIO()
    try:
        call_command("layer_doctor", stdout=out, stderr=StringIO(), **options)
    except CommandError as exc:
        return f"{out.getvalue()}{type(exc).__name__}: {exc}\n"
    return out.getvalue()


@pytest.fixture
def other_secret(key, settings):
    settings.LAYER_IDENTITY = {
        **settings.LAYER_IDENTITY,
        "KEY_ENCRYPTION_KEYS": ["another entry of more than thirty-two characters"],
    }


@pytest.fixture
def mixed_up_ids(key):
    QuerySet.update(LayerApp.objects.all(), provider_id=APP_ID)  # past the checks
    SigningKey.objects.update(key_id=APP_ID)


@pytest.fixture
def process_cache(key, settings):
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    }


@pytest.fixture
def dead_cache(key, settings):
    settings.CACHES = {"default": DEAD_CACHE}


@pytest.fixture
def wrong_clock(key, monkeypatch):
    sql = "SELECT strftime('%s', 'now', '-1 hour')"
    monkeypatch.setitem(internals.DATABASE_TIME, "sqlite", sql)


@pytest.fixture
def damaged_row(key):
    stored = key.encrypted_private_key
    damaged = f"{stored[:-40]}{stored[-40:].swapcase()}"
    SigningKey.objects.update(encrypted_private_key=damaged)


@pytest.mark.parametrize(
    ("heading", "fixture"),
    [
        ("Nothing is created yet", "db"),
        ("No active key", "app"),
        ("Another secret", "other_secret"),
        ("A damaged row", "damaged_row"),
        ("IDs that were mixed up", "mixed_up_ids"),
        ("A cache of each process", "process_cache"),
        ("A cache that is down", "dead_cache"),
        ("A wrong clock", "wrong_clock"),
    ],
)
def test_the_page_shows_what_the_command_prints(db, request, heading, fixture):
    request.getfixturevalue(fixture)

    lines = run_command(no_color=True).splitlines()

    problems = [line.rstrip() for line in lines if not line.startswith("ok ")]
    assert without_numbers(problems) == without_numbers(page_lines(heading))


def test_the_page_shows_a_healthy_installation(key):
    lines = run_command(no_color=True).splitlines()

    assert [line.rstrip() for line in lines] == page_lines("The checks")


def page_lines(heading):
    """Return the lines of the first console block under a heading, without the prompt."""
    _, _, section = PAGE.read_text().partition(f"\n{heading}\n")
    _, _, rest = section.partition("   $ python manage.py layer_doctor\n")
    block = rest.partition("\n\n")[0]
    return [line.removeprefix("   ") for line in block.splitlines()]


def without_numbers(lines):
    """Leave out seconds, fingerprints and primary keys, which differ in each run."""
    return [
        re.sub(r"\b[0-9a-f]{16}\b|\d+ seconds|app \d+", "…", line) for line in lines
    ]


def test_the_page_lists_the_checks():
    ids = re.findall(r"^   \* - ``([\w-]+)``$", PAGE.read_text(), re.MULTILINE)

    assert ids == [check.id for check in CHECKS]


def test_the_command_fails_on_a_warning_only_if_asked(key):
    SigningKey.objects.update(created_at=now() - timedelta(days=400))

    assert "CommandError" not in run_command()
    assert run_command(fail_level="warning").endswith(
        "Found: This installation has problems: key-age.\n"
    )


def test_the_command_prints_json(key):
    assert json.loads(run_command(json=True))[0] == {
        "id": "settings",
        "severity": "ok",
        "message": "The settings are valid.",
        "hint": "",
    }


def test_the_command_colours_the_severity_on_a_terminal(key):
    out = run_command(force_color=True)

    assert "\x1b[32;1mok     \x1b[0m  settings" in out


@pytest.mark.parametrize("level", ["WARNING", "Warning"])
def test_the_level_may_be_in_upper_case_as_for_check(key, level, capsys):
    SigningKey.objects.update(created_at=now() - timedelta(days=400))

    assert exit_status("--fail-level", level) == 1
    assert "invalid choice" not in capsys.readouterr().err


def exit_status(*args):
    with pytest.raises(SystemExit) as caught:
        execute_from_command_line(["manage.py", "layer_doctor", *args])
    return caught.value.code


def test_the_command_reports_wrong_settings_itself(key, settings, capsys):
    settings.LAYER_IDENTITY = {**settings.LAYER_IDENTITY, "USER_ID_CHANGE": "sometimes"}

    assert exit_status() == 1
    out, err = capsys.readouterr()
    assert out.startswith(
        "error    settings: LAYER_IDENTITY['USER_ID_CHANGE'] must be "
    )
    assert "SystemCheckError" not in err


def test_an_exception_of_the_command_is_named_by_its_type(key, monkeypatch, capsys):
    def fail(**options):
        raise RuntimeError("PIN 1234 is wrong")

    module = "django_layer_identity.management.commands.layer_doctor"
    monkeypatch.setattr(f"{module}.run_checks", fail)

    assert exit_status() == 2
    assert capsys.readouterr().err == (
        "CommandError: The command failed: RuntimeError. Add --traceback to see the "
        "details.\n"
    )


# The view for a monitoring system, as printed


@pytest.fixture
def layer_health(settings):
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    }
    code = re.search(r"   import logging\n.*?else 503\)\n", PAGE.read_text(), re.DOTALL)
    names = {}
    exec(dedent(code[0]), names)  # noqa: S102
    return names["layer_health"]


def test_the_view_for_monitoring_answers_200_and_nothing_else(key, layer_health, rf):
    response = layer_health(rf.get("/"))

    assert (response.status_code, response.content) == (200, b"")


def test_the_view_for_monitoring_answers_503_and_nothing_else(app, layer_health, rf):
    response = layer_health(rf.get("/"))

    assert (response.status_code, response.content) == (503, b"")


def test_the_view_for_monitoring_asks_the_database_once_a_minute(
    key, layer_health, rf, django_assert_num_queries
):
    layer_health(rf.get("/"))

    with django_assert_num_queries(0):
        layer_health(rf.get("/"))


def test_the_view_for_monitoring_answers_503_without_a_cache(
    key, layer_health, dead_cache, rf
):
    response = layer_health(rf.get("/"))

    assert (response.status_code, response.content) == (503, b"")


def test_the_view_for_monitoring_answers_503_for_wrong_settings(
    key, layer_health, rf, settings
):
    settings.LAYER_IDENTITY = []

    assert layer_health(rf.get("/")).status_code == 503
