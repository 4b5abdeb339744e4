from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from django.views.debug import ExceptionReporter

from django_layer_identity.exceptions import DamagedCiphertext, WrongEncryptionKey
from django_layer_identity.keys.encryption import encrypt_private_key
from django_layer_identity.keys.signers import StoredPrivateKey, load_private_key
from tests import internals


@pytest.fixture
def store(private_key):
    """Store the same private key as another app's, or under another fingerprint."""

    def store(app, fingerprint):
        owner = {"app": app, "fingerprint": fingerprint}
        ciphertext = encrypt_private_key(private_key.to_der(), **owner)
        return StoredPrivateKey(**owner, ciphertext=ciphertext)

    return store


@pytest.fixture
def stored(store, private_key):
    return store(7, private_key.fingerprint)


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

    monkeypatch.setattr(internals.PARSE_STORED_KEY, fail)

    with pytest.raises(RuntimeError) as caught:
        load_private_key(stored)

    frames = ExceptionReporter(rf.get("/"), *caught._excinfo).get_traceback_frames()
    ours = [
        frame for frame in frames if internals.KEY_LOADING_FILE in frame["filename"]
    ]
    assert [frame["function"] for frame in ours] == internals.KEY_LOADING_FUNCTIONS
    assert [value for frame in ours for value in frame["vars"]] == []


def test_a_failed_decryption_shows_no_key_in_an_error_report(stored, monkeypatch, rf):
    def fail(text):
        raise RuntimeError

    monkeypatch.setattr("json.loads", fail)

    with pytest.raises(RuntimeError) as caught:
        load_private_key(stored)

    frames = ExceptionReporter(rf.get("/"), *caught._excinfo).get_traceback_frames()
    ours = [frame for frame in frames if "layer_identity/keys" in frame["filename"]]
    assert "decrypt_private_key" in {frame["function"] for frame in ours}
    # That of the decorator, whose arguments are empty by now, is the first.
    assert [value for frame in ours[1:] for value in frame["vars"]] == []


def test_the_same_key_in_two_apps_is_two_entries(stored, private_key):
    owner = {"app": 8, "fingerprint": private_key.fingerprint}
    other = StoredPrivateKey(
        **owner, ciphertext=encrypt_private_key(private_key.to_der(), **owner)
    )

    assert load_private_key(stored) is not load_private_key(other)


def test_of_an_app_the_last_two_keys_are_held(store, parsed):
    first, second, third = (store(7, digit * 64) for digit in "123")

    for key in (first, second, first, second, third, second, third):
        load_private_key(key)
    assert len(parsed) == 3

    load_private_key(first)
    assert len(parsed) == 4


def test_an_app_takes_no_room_from_another(store, parsed):
    other = store(8, "8" * 64)
    load_private_key(other)

    for digit in "123":
        load_private_key(store(7, digit * 64))

    assert load_private_key(other) is load_private_key(other)
    assert len(parsed) == 4


def test_keys_of_64_apps_are_held(store, parsed):
    keys = [store(app, "1" * 64) for app in range(65)]
    for key in keys:
        load_private_key(key)
    assert len(parsed) == 65

    load_private_key(keys[1])
    assert len(parsed) == 65
    load_private_key(keys[0])
    assert len(parsed) == 66


def test_the_ciphertext_does_not_show(stored):
    assert "lid1" not in repr(stored)


def test_a_self_test_looks_at_what_is_stored_though_the_key_is_loaded(stored, parsed):
    load_private_key(stored)
    damaged = replace(stored, ciphertext=stored.ciphertext[:-10])

    assert load_private_key(stored, anew=True).fingerprint == stored.fingerprint
    assert len(parsed) == 2
    with pytest.raises(DamagedCiphertext):
        load_private_key(damaged, anew=True)
