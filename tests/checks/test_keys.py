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
