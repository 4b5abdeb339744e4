"""What keeps private keys."""

from __future__ import annotations

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning

from django_layer_identity.conf import conf
from django_layer_identity.keys.encryption import HOW_TO_SET_IT, MIN_ENTRY_LENGTH


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


RULES = (_encryption_keys, _encryption_keys_of_their_own)
DEPLOYMENT_RULES = (_encryption_keys_set,)
