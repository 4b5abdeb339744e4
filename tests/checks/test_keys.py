from __future__ import annotations

import pytest
from django.core.checks import Error, Warning

from django_layer_identity.checks import check_deployment
from tests.checks import assert_documented, deployed, found

HOW_TO_SET_IT = (
    "Set it to its previous value: no other value decrypts the stored private keys. Only "
    "if that value is lost, or in a new installation, create an entry with “manage.py "
    "layer_encryption_key”, store it, and import the private keys again."
)


NO_LIST = "LAYER_IDENTITY['KEY_ENCRYPTION_KEYS'] must be a list of strings, not {}."
NO_STRING = "Entry 1 of LAYER_IDENTITY['KEY_ENCRYPTION_KEYS'] must be a string, not {}."
TOO_SHORT = (
    "Entry {} of LAYER_IDENTITY['KEY_ENCRYPTION_KEYS'] has 31 characters. It must have 32 or "
    "more."
)


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ("x" * 32, NO_LIST.format("str")),
        (None, NO_LIST.format("NoneType")),
        (5, NO_LIST.format("int")),
        ([b"x" * 32], NO_STRING.format("bytes")),
        ([{}], NO_STRING.format("dict")),
        ([["x" * 32]], NO_STRING.format("list")),
        (["x" * 31], TOO_SHORT.format(1)),
        (["x" * 32, f" {'x' * 31}\n"], TOO_SHORT.format(2)),
    ],
)
def test_encryption_keys_are_long_strings(settings, entries, problem):
    assert found(settings, KEY_ENCRYPTION_KEYS=entries) == [
        Error(
            problem,
            hint=HOW_TO_SET_IT,
            id="layer_identity.E004",
        )
    ]


@pytest.mark.parametrize("entries", [[""], [" \n"], [None], ["", "x" * 32]])
def test_blank_entries_are_no_entries(settings, entries):
    assert found(settings, KEY_ENCRYPTION_KEYS=entries) == []


@pytest.mark.parametrize("entries", [[], (), [""], [" \n", None]])
def test_deploy_reports_missing_encryption_keys(settings, entries):
    assert deployed(settings, KEY_ENCRYPTION_KEYS=entries) == [
        Warning(
            "LAYER_IDENTITY['KEY_ENCRYPTION_KEYS'] is empty: no signing key can be "
            "stored or used.",
            hint=HOW_TO_SET_IT,
            id="layer_identity.W004",
        )
    ]


def test_deploy_reports_a_project_without_settings(settings):
    del settings.LAYER_IDENTITY
    settings.LAYER_IDENTITIES = {"KEY_ENCRYPTION_KEYS": ["x" * 32]}

    messages = [one for one in check_deployment() if one.id == "layer_identity.W004"]

    assert_documented(messages)
    assert messages == [
        Warning(
            "The setting LAYER_IDENTITY does not exist, so all defaults apply: no signing "
            "key can be stored or used.",
            hint="Is its name misspelt? Otherwise add it, with KEY_ENCRYPTION_KEYS. "
            f"{HOW_TO_SET_IT}",
            id="layer_identity.W004",
        )
    ]


@pytest.mark.parametrize("name", ["SECRET_KEY", "SECRET_KEY_FALLBACKS"])
def test_an_encryption_key_that_is_also_secret_key_is_reported(settings, name):
    secret = "a secret of more than thirty-two characters"
    setattr(settings, name, secret if name == "SECRET_KEY" else [secret])

    assert found(settings, KEY_ENCRYPTION_KEYS=["x" * 32, secret]) == [
        Warning(
            "LAYER_IDENTITY['KEY_ENCRYPTION_KEYS'] contains SECRET_KEY or one of "
            "SECRET_KEY_FALLBACKS: leaking one leaks both, and they cannot be changed "
            "separately.",
            hint="Create another entry with “manage.py layer_encryption_key”. Store it, "
            "put it first in the list, and run “manage.py layer_key_reencrypt”. Then "
            "remove the shared entry.",
            id="layer_identity.W010",
        )
    ]


IN_MEMORY = "django.core.files.uploadhandler.MemoryFileUploadHandler"
ON_DISK = "django.core.files.uploadhandler.TemporaryFileUploadHandler"
UPLOADS_ON_DISK = Warning(
    "A private key that is uploaded in the admin is stored in a temporary file on disk "
    "until the request ends.",
    hint="Put MemoryFileUploadHandler first in FILE_UPLOAD_HANDLERS and set "
    "FILE_UPLOAD_MAX_MEMORY_SIZE to 32768 or more. Or do not upload private keys: paste "
    "them, or use “manage.py layer_key_import”.",
    id="layer_identity.W060",
)


@pytest.mark.parametrize("handlers", [[ON_DISK], [ON_DISK, IN_MEMORY]])
def test_deploy_reports_private_keys_uploaded_to_disk(settings, handlers):
    settings.FILE_UPLOAD_HANDLERS = handlers

    assert deployed(settings) == [UPLOADS_ON_DISK]


def test_deploy_reports_too_little_memory_for_an_uploaded_private_key(settings):
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 32767

    assert deployed(settings) == [UPLOADS_ON_DISK]


@pytest.mark.parametrize("handlers", [[IN_MEMORY], [IN_MEMORY, ON_DISK]])
def test_uploads_that_stay_in_memory_are_accepted(settings, handlers):
    settings.FILE_UPLOAD_HANDLERS = handlers

    assert deployed(settings) == []


def test_uploads_are_accepted_without_the_admin(settings):
    settings.FILE_UPLOAD_HANDLERS = [ON_DISK]
    settings.INSTALLED_APPS = [
        name for name in settings.INSTALLED_APPS if name != "django.contrib.admin"
    ]

    assert deployed(settings) == []
