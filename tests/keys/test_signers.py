from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from django.views.debug import ExceptionReporter

from django_layer_identity.exceptions import DamagedCiphertext, WrongEncryptionKey
from django_layer_identity.keys import signers
from django_layer_identity.keys.encryption import encrypt_private_key
from django_layer_identity.keys.signers import (
    MAX_LOADED_KEYS,
    StoredPrivateKey,
    load_private_key,
)


@pytest.fixture
def stored(private_key):
    owner = {"app": 7, "fingerprint": private_key.fingerprint}
    return StoredPrivateKey(
        **owner, ciphertext=encrypt_private_key(private_key.to_der(), **owner)
    )


@pytest.fixture
def parsed(monkeypatch):
    """The keys parsed so far."""
    seen = []
    restore = signers.restore_private_key

    def count(der):
        seen.append(der)
        return restore(der)

    monkeypatch.setattr(signers, "restore_private_key", count)
    return seen


def test_a_key_is_parsed_once_and_the_same_object_ever_after(stored, parsed):
    first = load_private_key(stored)

    assert all(load_private_key(stored) is first for _ in range(5))
    assert len(parsed) == 1


def test_a_key_is_parsed_once_by_a_crowd_of_threads(stored, parsed):
    with ThreadPoolExecutor(8) as pool:
        loaded = set(pool.map(load_private_key, [stored] * 32))

    assert len(loaded) == 1
    assert len(parsed) == 1


def test_a_failure_is_not_remembered(stored, settings):
    good = settings.LAYER_IDENTITY
    settings.LAYER_IDENTITY = {"KEY_ENCRYPTION_KEYS": ["x" * 32]}
    with pytest.raises(WrongEncryptionKey):
        load_private_key(stored)
    settings.LAYER_IDENTITY = good

    assert load_private_key(stored).fingerprint == stored.fingerprint


def test_a_failure_inside_shows_no_key_in_an_error_report(stored, monkeypatch, rf):
    def fail(der):
        raise RuntimeError

    monkeypatch.setattr(signers, "restore_private_key", fail)

    with pytest.raises(RuntimeError) as caught:
        load_private_key(stored)

    frames = ExceptionReporter(rf.get("/"), *caught._excinfo).get_traceback_frames()
    ours = [frame for frame in frames if "keys/signers.py" in frame["filename"]]
    assert [frame["function"] for frame in ours] == ["load_private_key", "_load"]
    assert [value for frame in ours for value in frame["vars"]] == []


def test_the_same_key_in_two_apps_is_two_entries(stored, private_key):
    owner = {"app": 8, "fingerprint": private_key.fingerprint}
    other = StoredPrivateKey(
        **owner, ciphertext=encrypt_private_key(private_key.to_der(), **owner)
    )

    assert load_private_key(stored) is not load_private_key(other)


def test_the_cache_is_bounded():
    assert signers._load.cache_info().maxsize == MAX_LOADED_KEYS == 64


def test_the_ciphertext_does_not_show(stored):
    assert "lid1" not in repr(stored)


def test_a_self_test_looks_at_what_is_stored_though_the_key_is_loaded(stored, parsed):
    load_private_key(stored)
    damaged = replace(stored, ciphertext=stored.ciphertext[:-10])

    assert load_private_key(stored, anew=True).fingerprint == stored.fingerprint
    assert len(parsed) == 2
    with pytest.raises(DamagedCiphertext):
        load_private_key(damaged, anew=True)
