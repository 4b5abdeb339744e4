"""
Is this installation ready to issue identity tokens?

``manage.py layer_doctor`` prints the answer; :func:`run_checks` returns it. Each check
has an ID and returns at least one finding. No finding contains a secret.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from secrets import token_urlsafe
from typing import NamedTuple
from uuid import UUID

from django.apps import apps as installed_apps
from django.core import checks as system_checks
from django.core.cache import caches
from django.db import Error, connections, router
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count
from django.utils.timezone import now

from django_layer_identity.checks import check_deployment, check_settings
from django_layer_identity.checks.endpoint import cannot_check_cache, shared_cache
from django_layer_identity.conf import conf
from django_layer_identity.exceptions import (
    ConfigurationError,
    InvalidClaims,
    LayerIdentityError,
    refusals_by_code,
)
from django_layer_identity.issuing import token_lifetime
from django_layer_identity.keys.encryption import HOW_TO_READ_AGAIN
from django_layer_identity.keys.rsa import TEST_KEY_FINGERPRINT
from django_layer_identity.models import LayerApp, SigningKey
from django_layer_identity.nonces import MEND_CACHE
from django_layer_identity.protocol.claims import MAX_CLOCK_SKEW, IdentityClaims
from django_layer_identity.protocol.explain import ERROR as TOKEN_ERROR
from django_layer_identity.protocol.explain import explain_token
from django_layer_identity.protocol.signing import sign_identity_token

logger = logging.getLogger("django_layer_identity")

OK, WARNING, ERROR = SEVERITIES = ("ok", "warning", "error")
OUR_LABELS = ("layer_identity", "layer_identity_audit")
MAX_KEY_AGE = timedelta(days=365)
RECENT = timedelta(hours=1)
MADE_UP_USER = "layer-doctor"
CACHE_CHECK = "layer_identity.W040"  # the check “cache” reports it
MEND = "Mend the cause, or activate another key."
ROTATE = "Create a new key, and activate it: see “Rotate a key” in the documentation."
CREATE_KEY = "Generate a key (layer_key_generate) or import one (layer_key_import), and activate it."
#: States of keys that can become active, the best first, and how.
NEXT_STEPS = {
    SigningKey.State.READY: "Activate the key {} (layer_key_activate).",
    SigningKey.State.RETIRED: "Activate the key {} again (layer_key_activate), or create "
    "another one.",
    SigningKey.State.DRAFT: "Enter the key ID of {} (layer_key_set_id), and activate it "
    "(layer_key_activate).",
}
UNKNOWN_CACHE = (
    ERROR,
    "Not tested: CACHE_ALIAS or THROTTLE_RATES is invalid.",
    "The check “settings” says what is wrong.",
)
NO_ACTIVE_KEY = "Not tested: no enabled Layer app has an active key."
#: What SQLite, PostgreSQL and MySQL say if a table or a column does not exist.
_NO_TABLE = (
    "no such (table|column)|(relation|column) .* does not exist|"
    "Table .* doesn't exist|Unknown column"
)
#: SQL for the database's time in Unix seconds.
_DATABASE_TIME = {
    "sqlite": "SELECT strftime('%s', 'now')",
    "postgresql": "SELECT EXTRACT(EPOCH FROM clock_timestamp())",
    "mysql": "SELECT UNIX_TIMESTAMP()",
}


@dataclass(frozen=True)
class Finding:
    """
    What a check found.

    ``id`` is the check's ID and ``severity`` one of ``"ok"``, ``"warning"`` and
    ``"error"``. ``message`` says what is the case and ``hint`` what to do; the hint is
    empty if there is nothing to do.
    """

    id: str
    severity: str
    message: str
    hint: str = ""


@dataclass
class _Installation:
    """The apps that are examined, and their active keys."""

    using: str
    apps: list[LayerApp]
    keys: list[SigningKey] = field(default_factory=list)
    #: Whether the caller named the app.
    is_single: bool = False
    #: Primary keys of the active keys that cannot sign.
    failed: set[int] = field(default_factory=set)

    @property
    def enabled(self) -> list[LayerApp]:
        return [app for app in self.apps if app.enabled]


_Problems = Iterator[tuple[str, str, str]]  # severity, message, hint


class _Check(NamedTuple):
    id: str
    ok: str  # the message if there is no problem
    find: Callable[[_Installation], _Problems]
    is_quick: bool = True


def run_checks(
    *, app: LayerApp | str | None = None, quick: bool = False
) -> list[Finding]:
    """
    Examine the installation, and return the findings of each check.

    :param app: a Layer app or its app ID, to examine only this app and its keys.
    :param quick: leave out the checks that open a private key, start a process or make
        a network call other than to the database.
    :raises NotFound, InvalidIdentifier: if there is no such app.
    """
    using = router.db_for_write(LayerApp)
    findings = [*_run(_SETTINGS, _Installation(using, []))]
    findings += _run(_MIGRATIONS, _Installation(using, []))
    if findings[-1].severity == ERROR:
        return findings  # without the tables, no other check can run
    try:
        installation = _load(app, using)
    except Error as exc:
        return [*findings, Finding("apps", *_database_failure(exc))]
    for check in CHECKS[2:]:
        if check.is_quick or not quick:
            findings += _run(check, installation)
    return findings


def _load(app: LayerApp | str | None, using: str) -> _Installation:
    if app is None:
        apps = list(LayerApp.objects.using(using).order_by("pk"))
    elif isinstance(app, LayerApp):
        apps = [app]
    else:
        apps = [LayerApp.objects.get_by_app_id(app)]
    keys = SigningKey.objects.using(using).filter(active_for__in=apps)
    active = list(keys.select_related("app").order_by("pk"))
    return _Installation(using, apps, active, is_single=app is not None)


def _run(check: _Check, installation: _Installation) -> list[Finding]:
    problems: list[tuple[str, str, str]] = []
    try:
        problems.extend(check.find(installation))
    except Error as exc:
        problems.append(_database_failure(exc))
    except Exception as exc:  # the other checks must still run
        logger.exception("The check %s failed.", check.id)
        text = f"This check failed: {type(exc).__name__}."
        hint = (
            "Correct the settings first, if they are wrong. The log has the traceback."
        )
        problems.append((ERROR, text, hint))
    if not problems:
        return [Finding(check.id, OK, check.ok)]
    return [Finding(check.id, *problem) for problem in problems]


def _database_failure(exc: Error) -> tuple[str, str, str]:
    advice = "Check the connection to the database."
    if re.search(_NO_TABLE, str(exc)):
        advice = "Run “manage.py migrate”: the tables do not match the code."
    text = "The database failed during this check."
    return ERROR, text, f"{advice} {type(exc).__name__}: {exc}"


def _settings(installation: _Installation) -> _Problems:
    for check in (check_settings, check_deployment):
        for message in check():
            if message.id != CACHE_CHECK:
                is_error = message.level >= system_checks.ERROR
                text = f"{message.msg} ({message.id})"
                yield ERROR if is_error else WARNING, text, message.hint or ""


def _migrations(installation: _Installation) -> _Problems:
    executor = MigrationExecutor(connections[installation.using])
    leaves = executor.loader.graph.leaf_nodes()
    plan = executor.migration_plan([leaf for leaf in leaves if leaf[0] in OUR_LABELS])
    names = [
        str(migration) for migration, _ in plan if migration.app_label in OUR_LABELS
    ]
    if names:
        text = f"These migrations are not applied: {', '.join(names)}."
        yield ERROR, text, "Run “manage.py migrate”."


def _apps(installation: _Installation) -> _Problems:
    if installation.is_single and not installation.enabled:
        text = f"{installation.apps[0]} is disabled: its users get no identity tokens."
        yield ERROR, text, "Enable it in the admin, or name another app."
    elif not installation.enabled:
        yield (
            ERROR,
            "No Layer app is enabled: nobody gets identity tokens.",
            "Create one in the admin or with layer_app_create, or enable one.",
        )
    active = {key.active_for_id for key in installation.keys}
    needy = [app for app in installation.enabled if app.pk not in active]
    found = SigningKey.objects.using(installation.using).filter(
        app__in=needy, destroyed_at=None
    )
    usable = [key for key in found.order_by("pk") if not key.lacks_encryption_key]
    for app in needy:
        text = f"{app} has no active signing key: its users get no identity tokens."
        yield ERROR, text, _next_step([key for key in usable if key.app_id == app.pk])


def _next_step(keys: list[SigningKey]) -> str:
    """Say how an app with these keys gets an active one."""
    states = SigningKey.State
    for state, text in NEXT_STEPS.items():
        for key in keys:
            # Activation tests a draft that already has a key ID.
            is_ready = key.state == states.DRAFT and key.key_id
            if state == (states.READY if is_ready else key.state):
                return text.format(key)
    return CREATE_KEY


def _encryption(installation: _Installation) -> _Problems:
    stored = SigningKey.objects.using(installation.using).filter(
        app__in=installation.apps
    )
    for key in stored.exclude(encrypted_private_key="").select_related("app"):
        if key.lacks_encryption_key:
            is_active = key.state == key.State.ACTIVE
            installation.failed.add(key.pk)
            yield (
                ERROR if is_active else WARNING,
                f"The private key of {key} ({key.app}, {key.state.label}) cannot be "
                "decrypted with the present KEY_ENCRYPTION_KEYS"
                + (": its users get no identity tokens." if is_active else "."),
                HOW_TO_READ_AGAIN,
            )


def _self_test(installation: _Installation) -> _Problems:
    if not installation.keys:
        yield OK, NO_ACTIVE_KEY, ""
    for key in installation.keys:
        if key.pk in installation.failed:
            yield _not_tested(key)
            continue
        try:
            key.check_signature()
        except Exception as exc:  # a signing backend may raise anything
            installation.failed.add(key.pk)
            yield _does_not_sign(key, exc)


def _not_tested(key: SigningKey) -> tuple[str, str, str]:
    text = f"Not tested: the active key {key} of {key.app}."
    return WARNING, text, "Another check says why this key does not sign."


def _does_not_sign(key: SigningKey, exc: Exception) -> tuple[str, str, str]:
    # Messages of third-party exceptions may contain secrets.
    is_own = isinstance(exc, LayerIdentityError)
    reason = str(exc) if is_own else f"{type(exc).__name__}."
    return ERROR, f"The active key {key} of {key.app} does not sign: {reason}", MEND


def _key_age(installation: _Installation) -> _Problems:
    for key in installation.keys:
        days = (now() - key.created_at).days
        if days > MAX_KEY_AGE.days:
            text = f"The active key {key} of {key.app} is {days} days old."
            yield WARNING, text, ROTATE


def _ids(installation: _Installation) -> _Problems:
    """Compare the UUIDs: each belongs to one thing, and copying confuses them."""
    owners: dict[UUID | None, str] = {
        **{app.provider_id: "a provider ID" for app in installation.apps},
        **{app.app_id: f"the app ID of {app}" for app in installation.apps},
    }
    providers = {app.provider_id for app in installation.apps}
    keys = SigningKey.objects.using(installation.using).filter(
        app__in=installation.apps, key_id__isnull=False, revoked_at__isnull=True
    )
    for app in installation.apps:
        if app.app_id in providers:
            yield (
                ERROR if app.enabled else WARNING,
                f"The app ID of {app}, {app.app_id}, is also a provider ID.",
                "Create a new Layer app with the right IDs and disable this one."
                if app.frozen_at
                else "Find out which of the two is wrong, and correct the Layer app.",
            )
    for key in keys.select_related("app"):
        if kind := owners.get(key.key_id):
            yield (
                ERROR if key.app.enabled else WARNING,
                f"The key ID {key.key_id} is also {kind}: Layer refuses the tokens.",
                "Create another key with a key ID of its own, and activate it."
                if key.activated_at
                else "Enter another key ID (layer_key_set_id).",
            )


def _cache(installation: _Installation) -> _Problems:
    if cannot_check_cache():
        yield UNKNOWN_CACHE
    for message in shared_cache():
        yield WARNING, str(message.msg), message.hint or ""


def _cache_answers(installation: _Installation) -> _Problems:
    if cannot_check_cache():
        yield UNKNOWN_CACHE
    elif not conf.is_cache_used:
        yield (
            OK,
            "Not tested: neither the replay guard nor rate limits use a cache.",
            "",
        )
    elif reason := _cache_failure():
        is_guard = conf.NONCE_GUARD == "cache"
        refuses = is_guard and conf.NONCE_GUARD_FAILURE != "serve"
        consequence = "rate limits do not either."
        if is_guard:
            consequence = f"replay guard and {consequence}"
        if refuses:
            consequence = "users get no identity tokens."
        yield (
            ERROR if refuses else WARNING,
            f"The cache {conf.CACHE_ALIAS!r} does not work ({reason}): {consequence}",
            MEND_CACHE,
        )


def _cache_failure() -> str | None:
    """Store an entry, and return why the cache does not return it, or None."""
    key = value = f"layer_identity:doctor:{token_urlsafe()}"
    try:
        cache = caches[conf.CACHE_ALIAS]
        cache.set(key, value, 60)
        found = cache.get(key)
        cache.delete(key)
    except Exception as exc:  # a cache may raise anything
        return type(exc).__name__
    return None if found == value else "it does not return what it stores"


def _clock(installation: _Installation) -> _Problems:
    connection = connections[installation.using]
    if connection.vendor not in _DATABASE_TIME:
        yield OK, "Not compared: this database's clock cannot be asked.", ""
        return
    with connection.cursor() as cursor:
        cursor.execute(_DATABASE_TIME[connection.vendor])
        (seconds,) = cursor.fetchone()
    difference = abs(int(datetime.now(timezone.utc).timestamp()) - int(seconds))
    if difference > max(5, conf.CLOCK_SKEW.total_seconds()):
        is_large = difference > MAX_CLOCK_SKEW.total_seconds()
        yield (
            ERROR if is_large else WARNING,
            f"This machine's clock and the database's differ by {difference} seconds. "
            "If this machine's clock is wrong, Layer refuses the tokens.",
            "Synchronize the clocks of both machines, for example with chrony.",
        )


def _refusals(installation: _Installation) -> _Problems:
    if not installed_apps.is_installed("django_layer_identity.audit"):
        return
    from django_layer_identity.audit.models import ISSUED, AuditEntry

    entries = AuditEntry.objects.using(router.db_for_write(AuditEntry))
    recent = entries.filter(created_at__gt=now() - RECENT).exclude(code=ISSUED)
    ids = [str(app.identifier) for app in installation.apps]
    recent = recent.filter(app_id__in=["", *ids])  # empty: refused before the app
    counts = recent.order_by("code").values_list("code").annotate(n=Count("pk"))
    refusals = refusals_by_code()
    for code, count in counts:
        refusal = refusals.get(code)
        # The checks above find the causes that still exist.
        text = f"{code}: {count} refused in the last hour."
        yield WARNING, text, refusal.advice if refusal else ""


def _test_key(installation: _Installation) -> _Problems:
    keys = SigningKey.objects.using(installation.using).filter(
        app__in=installation.apps, fingerprint=TEST_KEY_FINGERPRINT
    )
    for key in keys.exclude(revoked_at__isnull=False).select_related("app"):
        yield (
            ERROR,
            f"The key {key} of {key.app} is the public test key: anyone can sign "
            "identity tokens with it.",
            "Revoke it, and create another key.",
        )


def _round_trip(installation: _Installation) -> _Problems:
    """Sign and verify a token; issue_identity_token() would leave traces."""
    if not installation.keys:
        yield OK, NO_ACTIVE_KEY, ""
    for key in installation.keys:
        if key.pk in installation.failed:
            yield _not_tested(key)
            continue
        try:
            claims = _made_up_claims(key.app)
        except (ConfigurationError, InvalidClaims) as exc:
            hint = "Correct the lifetime of the app's tokens, or CLOCK_SKEW."
            yield ERROR, f"No token of {key.app} can be issued: {exc}", hint
            continue
        try:
            token = sign_identity_token(claims, key.load_signer())
            known = key.as_known_key()
        except Exception as exc:  # a signing backend may raise anything
            yield _does_not_sign(key, exc)
            continue
        for finding in explain_token(token, keys=[known], app=known.app_id):
            severity = ERROR if finding.severity == TOKEN_ERROR else WARNING
            text = f"A token of {key.app}: {finding.message} ({finding.code})"
            yield severity, text, finding.hint


def _made_up_claims(app: LayerApp) -> IdentityClaims:
    now_in_seconds = datetime.now(timezone.utc).replace(microsecond=0)
    return IdentityClaims(
        provider_id=app.provider,
        user_id=MADE_UP_USER,
        nonce=token_urlsafe(),
        issued_at=now_in_seconds - conf.CLOCK_SKEW,
        expires_at=now_in_seconds + token_lifetime(app),
    )


_SETTINGS = _Check("settings", "The settings are valid.", _settings)
_MIGRATIONS = _Check("migrations", "All migrations are applied.", _migrations)
#: The checks in their order. Each stands in the documentation's table.
CHECKS = (
    _SETTINGS,
    _MIGRATIONS,
    _Check("apps", "Each enabled Layer app has an active signing key.", _apps),
    _Check("encryption", "All stored private keys can be decrypted.", _encryption),
    _Check("self-test", "All active keys sign.", _self_test, is_quick=False),
    _Check("key-age", "No active key is older than a year.", _key_age),
    _Check("ids", "No ID is used for two things.", _ids),
    _Check("cache", "All processes share nonces and rate limits.", _cache),
    _Check(
        "cache-answers",
        "The cache stores and returns values.",
        _cache_answers,
        is_quick=False,
    ),
    _Check("clock", "The clock agrees with the database's.", _clock),
    _Check("refusals", "No refusals in the last hour are recorded.", _refusals),
    _Check("test-key", "The public test key is not in use.", _test_key),
    _Check("round-trip", "A token of each active key is valid.", _round_trip, False),
)
