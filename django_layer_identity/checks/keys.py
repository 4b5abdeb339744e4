"""Private keys: what encrypts them, what uploads them, and what signs elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Warning
from django.utils.module_loading import import_string
from django.views.debug import SafeExceptionReporterFilter

from django_layer_identity.checks.settings import rule
from django_layer_identity.conf import conf
from django_layer_identity.exceptions import ConfigurationError
from django_layer_identity.keys.backends import MAX_ALIAS_LENGTH, build_backend
from django_layer_identity.keys.encryption import HOW_TO_SET_IT, MIN_ENTRY_LENGTH
from django_layer_identity.keys.reading import MAX_LENGTH
from django_layer_identity.models import LayerUser, SigningKey

IN_MEMORY = "django.core.files.uploadhandler.MemoryFileUploadHandler"
ON_DISK = "django.core.files.uploadhandler.TemporaryFileUploadHandler"
FORM_SIZE = 2 * MAX_LENGTH  # bytes; a private key file and the rest of its form
_INLINE_SECRET = re.compile(
    r"(^|_)(PIN|PASSWORD|PASSPHRASE|SECRET|PRIVATE_KEY)$", re.IGNORECASE
)


# Keys in the database


@rule("E004", hint=HOW_TO_SET_IT)
def _encryption_keys() -> Iterator[str]:
    entries: object = conf.KEY_ENCRYPTION_KEYS
    if not (isinstance(entries, (list, tuple)) and all(map(_is_long_enough, entries))):
        yield (
            "LAYER_IDENTITY['KEY_ENCRYPTION_KEYS'] must be a list of strings of "
            f"{MIN_ENTRY_LENGTH} characters or more."
        )


def _is_long_enough(entry: object) -> bool:
    return isinstance(entry, str) and len(entry) >= MIN_ENTRY_LENGTH


@rule("W004", hint=HOW_TO_SET_IT)
def _no_encryption_keys() -> Iterator[str]:
    if not conf.KEY_ENCRYPTION_KEYS:
        yield (
            "LAYER_IDENTITY['KEY_ENCRYPTION_KEYS'] is empty: no signing key can be "
            "stored or used."
        )


@rule(
    "W010",
    hint="“manage.py layer_encryption_key” makes another one: store it, put it "
    "first, before this one, and run “manage.py layer_key_reencrypt”.",
)
def _secret_key_as_encryption_key() -> Iterator[str]:
    others = {settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS}
    if not _encryption_keys() and others.intersection(conf.KEY_ENCRYPTION_KEYS):
        yield (
            "LAYER_IDENTITY['KEY_ENCRYPTION_KEYS'] has an entry that is SECRET_KEY too: "
            "whoever learns the one has both, and neither is changed without the other."
        )


@rule(
    "W060",
    hint="Put MemoryFileUploadHandler first in FILE_UPLOAD_HANDLERS and set "
    f"FILE_UPLOAD_MAX_MEMORY_SIZE to {FORM_SIZE} or more. Otherwise paste "
    "private keys, or use “manage.py layer_key_import”.",
)
def _uploads_to_disk() -> Iterator[str]:
    handlers = [
        one for one in settings.FILE_UPLOAD_HANDLERS if one in (IN_MEMORY, ON_DISK)
    ]
    is_large_enough = settings.FILE_UPLOAD_MAX_MEMORY_SIZE >= FORM_SIZE
    if (
        apps.is_installed("django.contrib.admin")
        and ON_DISK in handlers
        and not (handlers[0] == IN_MEMORY and is_large_enough)
    ):
        yield (
            "A private key that is uploaded in the admin is in a temporary file on disk "
            "until the request ends."
        )


# Keys elsewhere


@rule("E015", hint='For example: {"hsm": {"BACKEND": "…", "OPTIONS": {…}}}.')
def _signers() -> Iterator[str]:
    signers: object = conf.SIGNERS
    if not (isinstance(signers, Mapping) and all(map(_is_alias, signers))):
        yield (
            "LAYER_IDENTITY['SIGNERS'] must be a dict, and its keys aliases of up to "
            f"{MAX_ALIAS_LENGTH} characters."
        )


def _is_alias(alias: object) -> bool:
    return isinstance(alias, str) and 0 < len(alias) <= MAX_ALIAS_LENGTH


def _signer_entries() -> Iterator[CheckMessage]:
    """Report the first thing that is wrong with each entry; values are never shown."""
    for alias, entry in () if _signers() else conf.SIGNERS.items():
        name = f"LAYER_IDENTITY['SIGNERS'][{alias!r}]"
        yield from (
            _is_no_entry(name, entry)
            or _secret_in_options(name, entry.get("OPTIONS", {}))
            or _pin_env_is_visible(name, entry.get("OPTIONS", {}))
            or _backend_fails(alias, entry)
        )


@rule("E016", hint='For example: {"BACKEND": "…", "OPTIONS": {…}}.')
def _is_no_entry(name: str, entry: object) -> Iterator[str]:
    if not (
        isinstance(entry, Mapping)
        and "BACKEND" in entry
        and set(entry) <= {"BACKEND", "OPTIONS"}
        and isinstance(entry.get("OPTIONS", {}), Mapping)
    ):
        yield f"{name} must be a dict with BACKEND and, if need be, OPTIONS."


@rule("E017", hint="Name the file it is in (PIN_FILE), or the variable (PIN_ENV).")
def _secret_in_options(name: str, options: Mapping[str, Any]) -> Iterator[str]:
    for option in options:
        if _INLINE_SECRET.search(str(option)):
            yield f"{name} has a secret in its OPTIONS: {option}."


@rule("E018", hint="Django hides those with SECRET or PASS in their names: rename it.")
def _pin_env_is_visible(name: str, options: Mapping[str, Any]) -> Iterator[str]:
    variable = str(options.get("PIN_ENV") or "SECRET")
    if SafeExceptionReporterFilter().cleanse_setting(variable, "shown") == "shown":
        yield (
            f"{name}: Django's error pages show the variable {variable!r}, where the "
            "PIN is."
        )


@rule("E019", hint="The page on HSMs in the documentation lists what belongs there.")
def _backend_fails(alias: str, entry: Mapping[str, Any]) -> Iterator[str]:
    try:
        build_backend(alias, entry)
    except ConfigurationError as exc:
        yield f"LAYER_IDENTITY['SIGNERS'] is of no use. {exc}"


# Copies of keys

NO_SETTING = "remove what registers models of layer_identity with it"

#: App -> whether it copies the rows of a model, and how to stop that.
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
        NO_SETTING,
    ),
    "pghistory": (
        lambda model: any(
            getattr(one, "pgh_tracked_model", None) is model
            for one in apps.get_models()
        ),
        NO_SETTING,
    ),
    "reversion": (
        lambda model: import_string("reversion.is_registered")(model),
        NO_SETTING,
    ),
    "simple_history": (
        lambda model: hasattr(model._meta, "simple_history_manager_attribute"),
        NO_SETTING,
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
