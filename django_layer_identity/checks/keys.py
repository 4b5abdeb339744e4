"""Checks of private keys: encryption, uploads, signing backends and copies."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Warning
from django.db import Error as DatabaseFailure
from django.db import connections, router
from django.db.models import QuerySet
from django.utils.module_loading import import_string
from django.views.debug import SafeExceptionReporterFilter

from django_layer_identity.checks.settings import check_type, rule
from django_layer_identity.conf import conf
from django_layer_identity.exceptions import ConfigurationError
from django_layer_identity.keys.backends import MAX_ALIAS_LENGTH, build_backend
from django_layer_identity.keys.encryption import (
    HOW_TO_READ_AGAIN,
    HOW_TO_SET_IT,
    SETTING,
    setting_problem,
)
from django_layer_identity.keys.reading import MAX_LENGTH
from django_layer_identity.keys.rsa import TEST_KEY_FINGERPRINT
from django_layer_identity.models import LayerUser, SigningKey

IN_MEMORY = "django.core.files.uploadhandler.MemoryFileUploadHandler"
ON_DISK = "django.core.files.uploadhandler.TemporaryFileUploadHandler"
FORM_SIZE = 2 * MAX_LENGTH  # bytes; a private key file and the rest of the form
MAX_NAMED_KEYS = 10
_INLINE_SECRET = re.compile(
    r"(^|_)(PIN|PASSWORD|PASSPHRASE|SECRET|PRIVATE_KEY)$", re.IGNORECASE
)


# Keys in the database


@rule("E004", hint=HOW_TO_SET_IT)
def _encryption_keys() -> Iterator[str]:
    if problem := setting_problem():
        yield problem


def _no_encryption_keys() -> Iterator[CheckMessage]:
    text, hint = f"{SETTING} is empty", HOW_TO_SET_IT
    if not hasattr(settings, "LAYER_IDENTITY"):
        text = "The setting LAYER_IDENTITY does not exist, so all defaults apply"
        hint = (
            f"Is its name misspelt? Otherwise add it, with KEY_ENCRYPTION_KEYS. {hint}"
        )
    if not conf.KEY_ENCRYPTION_KEYS:
        yield Warning(
            f"{text}: no signing key can be stored or used.",
            hint=hint,
            id="layer_identity.W004",
        )


def check_stored_keys(
    databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Check that each stored private key can be decrypted, and is a secret."""
    try:
        keys = _stored_keys(databases)
        return [*_unreadable(_unreadable_keys(keys)), *_test_key(_test_keys(keys))]
    except DatabaseFailure as exc:
        return _no_answer(exc)


def check_active_keys(
    databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Check the same for a deployment: whether users get tokens, and from whom."""
    try:
        keys = _stored_keys(databases)
        unreadable = _unreadable_and_active(_unreadable_keys(keys))
        return [*unreadable, *_test_key_deployed(_test_keys(keys))]
    except DatabaseFailure:
        return []  # check_stored_keys() reports it


@rule("E013", hint="Check that it runs and that its settings are right.")
def _no_answer(exc: DatabaseFailure) -> Iterator[str]:
    alias = router.db_for_write(SigningKey)
    yield (
        f"The database {alias!r} cannot be asked for signing keys: "
        f"{type(exc).__name__}."
    )


@rule("W011", hint=HOW_TO_READ_AGAIN)
def _unreadable(keys: list[SigningKey]) -> Iterator[str]:
    yield from _describe(keys)


@rule("E011", hint=HOW_TO_READ_AGAIN)
def _unreadable_and_active(keys: list[SigningKey]) -> Iterator[str]:
    yield from _describe([key for key in keys if _serves_users(key)])


def _describe(keys: list[SigningKey]) -> Iterator[str]:
    for key in keys[:MAX_NAMED_KEYS]:
        kind, consequence = "signing key", "it cannot sign"
        if _serves_users(key):
            kind = "active signing key"
            consequence = (
                "users of this app get no identity tokens (503 signing_failed)"
            )
        empty = "" if conf.KEY_ENCRYPTION_KEYS else ", which is empty"
        yield (
            f"The {kind} {key} of the Layer app {key.app.name!r} cannot be decrypted "
            f"with the present {SETTING}{empty}: {consequence}."
        )
    if len(keys) > MAX_NAMED_KEYS:
        further = len(keys) - MAX_NAMED_KEYS
        yield f"Further signing keys that cannot be decrypted: {further}."


HOW_TO_REPLACE = "Revoke it, and create another key."


@rule("W012", hint=HOW_TO_REPLACE)
def _test_key(keys: list[SigningKey]) -> Iterator[str]:
    yield from _describe_test_keys(keys)


@rule("E012", hint=HOW_TO_REPLACE)
def _test_key_deployed(keys: list[SigningKey]) -> Iterator[str]:
    yield from _describe_test_keys(keys)


def _describe_test_keys(keys: list[SigningKey]) -> Iterator[str]:
    for key in keys:
        yield (
            f"The signing key {key} of the Layer app {key.app.name!r} is the public test "
            "key: anyone can sign identity tokens with it."
        )


def _test_keys(keys: QuerySet[SigningKey]) -> list[SigningKey]:
    """Return the keys whose private key is in this package, unless they are revoked."""
    usable = keys.filter(fingerprint=TEST_KEY_FINGERPRINT, revoked_at=None)
    return list(
        usable.select_related("app")
        .only("app__name", "key_id", "fingerprint")
        .order_by("pk")
    )


def _stored_keys(databases: Sequence[str] | None) -> QuerySet[SigningKey]:
    """Return all keys; none if their database is not checked or has no table yet."""
    using = router.db_for_write(SigningKey)
    keys = SigningKey.objects.using(using)
    # ``migrate`` runs the checks before it creates the table and adds newer columns.
    if (
        using not in (databases or ())
        or SigningKey._meta.db_table
        not in connections[using].introspection.table_names()
    ):
        return keys.none()
    return keys.all()


def _unreadable_keys(keys: QuerySet[SigningKey]) -> list[SigningKey]:
    """Return the keys that no entry decrypts; those that users need come first."""
    # E004 reports an invalid setting, which decrypts nothing.
    if check_type() or setting_problem():
        return []
    stored = keys.exclude(encrypted_private_key="")
    keys = stored.select_related("app").only(
        *("app__name", "app__enabled", "active_for", "key_id", "fingerprint"),
        "encrypted_private_key",
    )
    unreadable = [key for key in keys.order_by("pk") if key.lacks_encryption_key]
    return sorted(unreadable, key=_serves_users, reverse=True)


def _serves_users(key: SigningKey) -> bool:
    return key.active_for_id is not None and key.app.enabled


@rule(
    "W010",
    hint="Create another entry with “manage.py layer_encryption_key”. Store it, put it "
    "first in the list, and run “manage.py layer_key_reencrypt”. Then remove the "
    "shared entry.",
)
def _secret_key_as_encryption_key() -> Iterator[str]:
    others = {settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS}
    if not _encryption_keys() and others.intersection(conf.KEY_ENCRYPTION_KEYS):
        yield (
            "LAYER_IDENTITY['KEY_ENCRYPTION_KEYS'] contains SECRET_KEY or one of "
            "SECRET_KEY_FALLBACKS: leaking one leaks both, and they cannot be changed "
            "separately."
        )


@rule(
    "W060",
    hint="Put MemoryFileUploadHandler first in FILE_UPLOAD_HANDLERS and set "
    f"FILE_UPLOAD_MAX_MEMORY_SIZE to {FORM_SIZE} or more. Or do not upload private "
    "keys: paste them, or use “manage.py layer_key_import”.",
)
def _uploads_to_disk() -> Iterator[str]:
    handlers = [
        path for path in settings.FILE_UPLOAD_HANDLERS if path in (IN_MEMORY, ON_DISK)
    ]
    is_large_enough = settings.FILE_UPLOAD_MAX_MEMORY_SIZE >= FORM_SIZE
    if (
        apps.is_installed("django.contrib.admin")
        and ON_DISK in handlers
        and not (handlers[0] == IN_MEMORY and is_large_enough)
    ):
        yield (
            "A private key that is uploaded in the admin is stored in a temporary file "
            "on disk until the request ends."
        )


# Signing backends

ENTRY = '{"BACKEND": "django_layer_identity.keys.pkcs11.PKCS11Backend", "OPTIONS": {…}}'


@rule("E015", hint=f'For example: {{"hsm": {ENTRY}}}.')
def _signers() -> Iterator[str]:
    signers: object = conf.SIGNERS
    if not (isinstance(signers, Mapping) and all(map(_is_alias, signers))):
        yield (
            "LAYER_IDENTITY['SIGNERS'] must be a dict whose keys are aliases of 1 to "
            f"{MAX_ALIAS_LENGTH} characters."
        )


def _is_alias(alias: object) -> bool:
    return isinstance(alias, str) and 0 < len(alias) <= MAX_ALIAS_LENGTH


def _signer_entries() -> Iterator[CheckMessage]:
    """Report each entry's first kind of problem. Never show a secret."""
    for alias, entry in () if _signers() else conf.SIGNERS.items():
        name = f"LAYER_IDENTITY['SIGNERS'][{alias!r}]"
        yield from (
            _entry_is_malformed(name, entry)
            or _secret_in_options(name, entry.get("OPTIONS", {}))
            or _pin_env_is_visible(name, entry.get("OPTIONS", {}))
            or _backend_fails(alias, entry)
        )


@rule("E016", hint=f"For example: {ENTRY}.")
def _entry_is_malformed(name: str, entry: object) -> Iterator[str]:
    if not (
        isinstance(entry, Mapping)
        and "BACKEND" in entry
        and set(entry) <= {"BACKEND", "OPTIONS"}
        and isinstance(entry.get("OPTIONS", {}), Mapping)
    ):
        yield f"{name} must be a dict with BACKEND and, optionally, a dict OPTIONS."


@rule(
    "E017",
    hint="Remove it. Set PIN_FILE to the path of a file that holds the secret, or "
    "PIN_ENV to the name of an environment variable.",
)
def _secret_in_options(name: str, options: Mapping[str, Any]) -> Iterator[str]:
    for option in options:
        if _INLINE_SECRET.search(str(option)):
            yield f"{name} must not contain a secret, but OPTIONS has {option}."


@rule(
    "E018",
    hint="Rename the variable. Django hides variables with SECRET or PASS in their "
    "names.",
)
def _pin_env_is_visible(name: str, options: Mapping[str, Any]) -> Iterator[str]:
    variable = str(options.get("PIN_ENV") or "SECRET")
    if SafeExceptionReporterFilter().cleanse_setting(variable, "shown") == "shown":
        yield (
            f"{name} reads the PIN from the environment variable {variable!r}, which "
            "Django's error pages show."
        )


@rule("E019", hint="The page “Keys in an HSM” in the documentation lists the options.")
def _backend_fails(alias: str, entry: Mapping[str, Any]) -> Iterator[str]:
    try:
        build_backend(alias, entry)
    except ConfigurationError as exc:
        yield f"LAYER_IDENTITY['SIGNERS'] is invalid. {exc}"


# Copies of keys

NO_SETTING_REMEDY = "remove the code that registers models of layer_identity with it"

#: For each app: a function that returns whether the app copies a model's rows, and the
#: setting or change that stops the copies.
CHANGE_LOGS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "auditlog": (
        lambda model: import_string("auditlog.registry.auditlog").contains(model),
        'AUDITLOG_EXCLUDE_TRACKING_MODELS = ["layer_identity"]',
    ),
    "easyaudit": (
        lambda model: (
            import_string("easyaudit.settings.WATCH_MODEL_EVENTS")
            and import_string("easyaudit.signals.model_signals.should_audit")(model())
        ),
        "DJANGO_EASY_AUDIT_UNREGISTERED_CLASSES_EXTRA = "
        '["layer_identity.SigningKey", "layer_identity.LayerUser"]',
    ),
    "import_export": (
        lambda model: hasattr(
            import_string("django.contrib.admin.site")._registry.get(model),
            "resource_classes",
        ),
        NO_SETTING_REMEDY,
    ),
    "pghistory": (
        lambda model: any(
            getattr(event, "pgh_tracked_model", None) is model
            for event in apps.get_models()
        ),
        NO_SETTING_REMEDY,
    ),
    "reversion": (
        lambda model: import_string("reversion.is_registered")(model),
        NO_SETTING_REMEDY,
    ),
    "simple_history": (
        lambda model: hasattr(model._meta, "simple_history_manager_attribute"),
        NO_SETTING_REMEDY,
    ),
}


def _copies() -> Iterator[CheckMessage]:
    remedies = {
        name: remedy
        for name, (copies, remedy) in CHANGE_LOGS.items()
        if apps.is_installed(name) and any(map(copies, (SigningKey, LayerUser)))
    }
    if remedies:
        yield Warning(
            "Encrypted private keys and the Layer user IDs of deleted users are "
            f"copied by: {', '.join(remedies)}.",
            hint="; ".join(f"{name}: {remedy}" for name, remedy in remedies.items()),
            id="layer_identity.W051",
        )


RULES = (
    _encryption_keys,
    _secret_key_as_encryption_key,
    _signers,
    _signer_entries,
    _copies,
)
DEPLOYMENT_RULES = (_no_encryption_keys, _uploads_to_disk)
