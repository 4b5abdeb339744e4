from __future__ import annotations

import pytest
from django.core.checks import Error, Warning

from tests.checks import deployed, found


@pytest.mark.parametrize("entries", ["x" * 32, ["x" * 31], [b"x" * 32], None, [""]])
def test_encryption_keys_are_long_strings(settings, entries):
    assert found(settings, KEY_ENCRYPTION_KEYS=entries) == [
        Error(
            "LAYER_IDENTITY['KEY_ENCRYPTION_KEYS'] must be a list of strings of 32 "
            "characters or more.",
            hint="“manage.py layer_encryption_key” makes one.",
            id="layer_identity.E004",
        )
    ]


def test_missing_encryption_keys_are_named_before_going_live(settings):
    assert deployed(settings, KEY_ENCRYPTION_KEYS=[]) == [
        Warning(
            "LAYER_IDENTITY['KEY_ENCRYPTION_KEYS'] is empty: no signing key can be "
            "stored or used.",
            hint="“manage.py layer_encryption_key” makes an entry.",
            id="layer_identity.W004",
        )
    ]
