from __future__ import annotations

import pytest
from django.core.checks import Error, Warning

from tests.checks import deployed, found


@pytest.mark.parametrize(
    "entries", ["x" * 32, ["x" * 31], [b"x" * 32], None, [""], 5, [{}]]
)
def test_encryption_keys_are_long_strings(settings, entries):
    assert found(settings, KEY_ENCRYPTION_KEYS=entries) == [
        Error(
            "LAYER_IDENTITY['KEY_ENCRYPTION_KEYS'] must be a list of strings of 32 "
            "characters or more.",
            hint="Set it to the value used before: nothing else decrypts the stored "
            "private keys. Only for a new installation, make an entry with “manage.py "
            "layer_encryption_key” and store it.",
            id="layer_identity.E004",
        )
    ]


def test_missing_encryption_keys_are_named_before_going_live(settings):
    assert deployed(settings, KEY_ENCRYPTION_KEYS=[]) == [
        Warning(
            "LAYER_IDENTITY['KEY_ENCRYPTION_KEYS'] is empty: no signing key can be "
            "stored or used.",
            hint="Set it to the value used before: nothing else decrypts the stored "
            "private keys. Only for a new installation, make an entry with “manage.py "
            "layer_encryption_key” and store it.",
            id="layer_identity.W004",
        )
    ]


@pytest.mark.parametrize("name", ["SECRET_KEY", "SECRET_KEY_FALLBACKS"])
def test_an_encryption_key_is_no_other_secret_too(settings, name):
    secret = "a secret of more than thirty-two characters"
    setattr(settings, name, secret if name == "SECRET_KEY" else [secret])

    assert found(settings, KEY_ENCRYPTION_KEYS=["x" * 32, secret]) == [
        Warning(
            "LAYER_IDENTITY['KEY_ENCRYPTION_KEYS'] has an entry that is SECRET_KEY too: "
            "whoever learns the one has both, and neither is changed without the other.",
            hint="“manage.py layer_encryption_key” makes another one: store it, put it "
            "first, before this one, and run “manage.py layer_key_reencrypt”.",
            id="layer_identity.W010",
        )
    ]


IN_MEMORY = "django.core.files.uploadhandler.MemoryFileUploadHandler"
ON_DISK = "django.core.files.uploadhandler.TemporaryFileUploadHandler"
UPLOADS_ON_DISK = Warning(
    "A private key that is uploaded in the admin is in a temporary file on disk until "
    "the request ends.",
    hint="Put MemoryFileUploadHandler first in FILE_UPLOAD_HANDLERS and set "
    "FILE_UPLOAD_MAX_MEMORY_SIZE to 32768 or more. Otherwise paste private keys, or use "
    "“manage.py layer_key_import”.",
    id="layer_identity.W060",
)


@pytest.mark.parametrize("handlers", [[ON_DISK], [ON_DISK, IN_MEMORY]])
def test_private_keys_that_are_uploaded_to_disk_are_pointed_out(settings, handlers):
    settings.FILE_UPLOAD_HANDLERS = handlers

    assert deployed(settings) == [UPLOADS_ON_DISK]


def test_too_little_memory_for_an_uploaded_private_key_is_pointed_out(settings):
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 32767

    assert deployed(settings) == [UPLOADS_ON_DISK]


@pytest.mark.parametrize("handlers", [[IN_MEMORY], [IN_MEMORY, ON_DISK]])
def test_uploads_that_stay_in_memory_are_fine(settings, handlers):
    settings.FILE_UPLOAD_HANDLERS = handlers

    assert deployed(settings) == []


def test_without_the_admin_no_private_key_is_uploaded(settings):
    settings.FILE_UPLOAD_HANDLERS = [ON_DISK]
    settings.INSTALLED_APPS = [
        name for name in settings.INSTALLED_APPS if name != "django.contrib.admin"
    ]

    assert deployed(settings) == []
