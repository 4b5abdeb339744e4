from __future__ import annotations

import logging

from django.db import OperationalError, connection

from django_layer_identity.issuing import issue_identity_token, warm_keys
from django_layer_identity.models import LayerApp, SigningKey
from tests.conftest import KEY_ID, OTHER_KEY_ID, PROVIDER_ID
from tests.endpoint import NONCE, configure
from tests.internals import clear_loaded_keys


def test_the_first_token_does_not_parse_a_warm_key(key, alice, parsed):
    clear_loaded_keys()

    warm_keys()

    assert len(parsed) == 1
    issue_identity_token(alice, NONCE)
    assert len(parsed) == 1


def test_the_keys_of_a_disabled_app_are_not_loaded(key, parsed):
    clear_loaded_keys()
    LayerApp.objects.update(enabled=False)

    warm_keys()

    assert parsed == []


def test_a_key_that_cannot_be_loaded_is_logged_and_the_others_are_loaded(
    key, other_private_key, parsed, caplog
):
    other = LayerApp.objects.create(
        name="Other", app_id=OTHER_KEY_ID, provider_id=PROVIDER_ID
    )
    good = SigningKey.from_private_key(other, other_private_key, key_id=KEY_ID)
    good.save()
    good.activate()
    SigningKey.objects.filter(pk=key.pk).update(encrypted_private_key="damaged")
    clear_loaded_keys()
    parsed.clear()

    warm_keys()

    [record] = caplog.records
    assert record.getMessage() == f"Signing key {key.fingerprint!r} was not loaded."
    assert record.levelno == logging.ERROR
    assert len(parsed) == 1


def test_a_server_starts_without_encryption_keys(key, settings, caplog):
    clear_loaded_keys()
    configure(settings, KEY_ENCRYPTION_KEYS=[])

    warm_keys()

    [record] = caplog.records
    assert record.getMessage() == f"Signing key {key.fingerprint!r} was not loaded."


def test_a_server_starts_without_a_database(key, caplog):
    def fail(*args):
        raise OperationalError("the database is gone")

    with connection.execute_wrapper(fail):
        warm_keys()

    [record] = caplog.records
    assert record.getMessage() == (
        "No signing key was loaded, because the database failed."
    )
