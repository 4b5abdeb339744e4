"""Private keys: what encrypts them, what uploads them, and what signs elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning
from django.utils.module_loading import import_string
from django.views.debug import SafeExceptionReporterFilter

from django_layer_identity.conf import conf
from django_layer_identity.exceptions import ConfigurationError
from django_layer_identity.keys.backends import MAX_ALIAS_LENGTH, make_custody
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


def _encryption_keys() -> Iterator[CheckMessage]:
    entries: object = conf.KEY_ENCRYPTION_KEYS
    if not (isinstance(entries, (list, tuple)) and all(map(_is_long_enough, entries))):
        yield Error(
            "LAYER_IDENTITY['KEY_ENCRYPTION_KEYS'] must be a list of strings of "
            f"{MIN_ENTRY_LENGTH} characters or more.",
            hint=HOW_TO_SET_IT,
            id="layer_identity.E004",
        )


def _is_long_enough(entry: object) -> bool:
    return isinstance(entry, str) and len(entry) >= MIN_ENTRY_LENGTH


def _no_encryption_keys() -> Iterator[CheckMessage]:
    if not conf.KEY_ENCRYPTION_KEYS:
        yield Warning(
            "LAYER_IDENTITY['KEY_ENCRYPTION_KEYS'] is empty: no signing key can be "
            "stored or used.",
            hint=HOW_TO_SET_IT,
            id="layer_identity.W004",
        )


def _secret_key_as_encryption_key() -> Iterator[CheckMessage]:
    others = {settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS}
    if not any(_encryption_keys()) and others.intersection(conf.KEY_ENCRYPTION_KEYS):
        yield Warning(
            "LAYER_IDENTITY['KEY_ENCRYPTION_KEYS'] has an entry that is SECRET_KEY too: "
            "whoever learns the one has both, and neither is changed without the other.",
            hint="“manage.py layer_encryption_key” makes another one: store it, put it "
            "first, before this one, and run “manage.py layer_key_reencrypt”.",
            id="layer_identity.W010",
        )


def _uploads_to_disk() -> Iterator[CheckMessage]:
    handlers = [
        one for one in settings.FILE_UPLOAD_HANDLERS if one in (IN_MEMORY, ON_DISK)
    ]
    is_large_enough = settings.FILE_UPLOAD_MAX_MEMORY_SIZE >= FORM_SIZE
    if (
        apps.is_installed("django.contrib.admin")
        and ON_DISK in handlers
        and not (handlers[0] == IN_MEMORY and is_large_enough)
    ):
        yield Warning(
            "A private key that is uploaded in the admin is in a temporary file on disk "
            "until the request ends.",
            hint="Put MemoryFileUploadHandler first in FILE_UPLOAD_HANDLERS and set "
            f"FILE_UPLOAD_MAX_MEMORY_SIZE to {FORM_SIZE} or more. Otherwise paste "
            "private keys, or use “manage.py layer_key_import”.",
            id="layer_identity.W060",
        )


# Keys elsewhere


def _signers() -> Iterator[CheckMessage]:
    signers: object = conf.SIGNERS
    if isinstance(signers, Mapping) and all(map(_is_alias, signers)):
        for alias, entry in signers.items():
            yield from _signer(alias, entry)
    else:
        yield Error(
            "LAYER_IDENTITY['SIGNERS'] must be a dict, and its keys aliases of up to "
            f"{MAX_ALIAS_LENGTH} characters.",
            hint='For example: {"hsm": {"BACKEND": "…", "OPTIONS": {…}}}.',
            id="layer_identity.E015",
        )


def _is_alias(alias: object) -> bool:
    return isinstance(alias, str) and 0 < len(alias) <= MAX_ALIAS_LENGTH


def _signer(alias: str, entry: Any) -> Iterator[CheckMessage]:
    """Report the first thing that is wrong with an entry; values are never shown."""
    name = f"LAYER_IDENTITY['SIGNERS'][{alias!r}]"
    if not _is_entry(entry):
        yield Error(
            f"{name} must be a dict with BACKEND and, if need be, OPTIONS.",
            hint='For example: {"BACKEND": "…", "OPTIONS": {…}}.',
            id="layer_identity.E016",
        )
        return
    options = entry.get("OPTIONS", {})
    yield from (
        list(_inline_secrets(name, options))
        or list(_shown_pin(name, options))
        or _backend(alias, entry)
    )


def _is_entry(entry: object) -> bool:
    return (
        isinstance(entry, Mapping)
        and "BACKEND" in entry
        and set(entry) <= {"BACKEND", "OPTIONS"}
        and isinstance(entry.get("OPTIONS", {}), Mapping)
    )


def _inline_secrets(name: str, options: Mapping[str, Any]) -> Iterator[CheckMessage]:
    for option in options:
        if _INLINE_SECRET.search(str(option)):
            yield Error(
                f"{name} has a secret in its OPTIONS: {option}.",
                hint="Name the file it is in (PIN_FILE), or the variable (PIN_ENV).",
                id="layer_identity.E017",
            )


def _shown_pin(name: str, options: Mapping[str, Any]) -> Iterator[CheckMessage]:
    variable = str(options.get("PIN_ENV") or "SECRET")
    if SafeExceptionReporterFilter().cleanse_setting(variable, "shown") == "shown":
        yield Error(
            f"{name}: Django's error pages show the variable {variable!r}, where the "
            "PIN is.",
            hint="Django hides those with SECRET or PASS in their names: rename it.",
            id="layer_identity.E018",
        )


def _backend(alias: str, entry: Mapping[str, Any]) -> Iterator[CheckMessage]:
    try:
        make_custody(alias, entry)
    except ConfigurationError as exc:
        yield Error(
            f"LAYER_IDENTITY['SIGNERS'] is of no use. {exc}",
            hint="The page on HSMs in the documentation lists what belongs there.",
            id="layer_identity.E019",
        )


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


RULES = (_encryption_keys, _secret_key_as_encryption_key, _signers, _copies)
DEPLOYMENT_RULES = (_no_encryption_keys, _uploads_to_disk)
