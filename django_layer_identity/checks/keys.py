"""What keeps private keys."""

from __future__ import annotations

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning

from django_layer_identity.conf import conf
from django_layer_identity.keys.encryption import HOW_TO_SET_IT, MIN_ENTRY_LENGTH
from django_layer_identity.keys.pasted.text import MAX_LENGTH

IN_MEMORY = "django.core.files.uploadhandler.MemoryFileUploadHandler"
ON_DISK = "django.core.files.uploadhandler.TemporaryFileUploadHandler"
FORM_SIZE = 2 * MAX_LENGTH  # bytes; a private key file and the rest of its form


def _encryption_keys() -> list[CheckMessage]:
    entries: object = conf.KEY_ENCRYPTION_KEYS
    if isinstance(entries, (list, tuple)) and all(map(_is_long_enough, entries)):
        return []
    return [
        Error(
            "LAYER_IDENTITY['KEY_ENCRYPTION_KEYS'] must be a list of strings of "
            f"{MIN_ENTRY_LENGTH} characters or more.",
            hint=HOW_TO_SET_IT,
            id="layer_identity.E004",
        )
    ]


def _is_long_enough(entry: object) -> bool:
    return isinstance(entry, str) and len(entry) >= MIN_ENTRY_LENGTH


def _encryption_keys_set() -> list[CheckMessage]:
    if conf.KEY_ENCRYPTION_KEYS:
        return []
    return [
        Warning(
            "LAYER_IDENTITY['KEY_ENCRYPTION_KEYS'] is empty: no signing key can be "
            "stored or used.",
            hint=HOW_TO_SET_IT,
            id="layer_identity.W004",
        )
    ]


def _encryption_keys_of_their_own() -> list[CheckMessage]:
    if _encryption_keys():
        return []  # said already
    others = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    if not any(entry in others for entry in conf.KEY_ENCRYPTION_KEYS):
        return []
    return [
        Warning(
            "LAYER_IDENTITY['KEY_ENCRYPTION_KEYS'] has an entry that is SECRET_KEY too: "
            "whoever learns the one has both, and neither is changed without the other.",
            hint="“manage.py layer_encryption_key” makes another one: store it, put it "
            "first, before this one, and run “manage.py layer_key_reencrypt”.",
            id="layer_identity.W010",
        )
    ]


def _uploads_stay_in_memory() -> list[CheckMessage]:
    handlers = [
        one for one in settings.FILE_UPLOAD_HANDLERS if one in (IN_MEMORY, ON_DISK)
    ]
    is_large_enough = settings.FILE_UPLOAD_MAX_MEMORY_SIZE >= FORM_SIZE
    if ON_DISK not in handlers or (handlers[0] == IN_MEMORY and is_large_enough):
        return []
    if not apps.is_installed("django.contrib.admin"):
        return []
    return [
        Warning(
            "A private key that is uploaded in the admin is in a temporary file on disk "
            "until the request ends.",
            hint="Put MemoryFileUploadHandler first in FILE_UPLOAD_HANDLERS and set "
            f"FILE_UPLOAD_MAX_MEMORY_SIZE to {FORM_SIZE} or more. Otherwise paste "
            "private keys, or use “manage.py layer_key_import”.",
            id="layer_identity.W060",
        )
    ]


RULES = (_encryption_keys, _encryption_keys_of_their_own)
DEPLOYMENT_RULES = (_encryption_keys_set, _uploads_stay_in_memory)
