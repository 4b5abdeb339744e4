from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from weakref import WeakSet

import pytest
from django.views.debug import ExceptionReporter

from django_layer_identity.exceptions import DamagedCiphertext, WrongEncryptionKey
from django_layer_identity.keys import signers
from django_layer_identity.keys.encryption import encrypt_private_key
from django_layer_identity.keys.signers import StoredPrivateKey, load_private_key
from tests import internals


@pytest.fixture
def store(private_key):
    """Store the same private key for another app or under another fingerprint."""

    def store(app, fingerprint):
        owner = {"app": app, "fingerprint": fingerprint}
        ciphertext = encrypt_private_key(private_key.to_der(), **owner)
        return StoredPrivateKey(**owner, ciphertext=ciphertext)

    return store


@pytest.fixture
def stored(store, private_key):
    return store(7, private_key.fingerprint)


def test_a_key_is_parsed_once_and_then_reused(stored, parsed):
    first = load_private_key(stored)

    assert all(load_private_key(stored) is first for _ in range(5))
    assert len(parsed) == 1


def test_concurrent_threads_parse_a_key_once(stored, parsed):
    with ThreadPoolExecutor(8) as pool:
        loaded = set(pool.map(load_private_key, [stored] * 32))

    assert len(loaded) == 1
    assert len(parsed) == 1


def test_failures_are_not_cached(stored, settings):
    good = settings.LAYER_IDENTITY
    settings.LAYER_IDENTITY = {"KEY_ENCRYPTION_KEYS": ["x" * 32]}
    with pytest.raises(WrongEncryptionKey):
        load_private_key(stored)
    settings.LAYER_IDENTITY = good

    assert load_private_key(stored).fingerprint == stored.fingerprint


def test_an_error_report_of_failed_parsing_does_not_show_the_key(
    stored, monkeypatch, rf
):
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


def test_an_error_report_of_failed_decryption_does_not_show_the_key(
    stored, monkeypatch, rf
):
    def fail(text):
        raise RuntimeError

    monkeypatch.setattr("json.loads", fail)

    with pytest.raises(RuntimeError) as caught:
        load_private_key(stored)

    frames = ExceptionReporter(rf.get("/"), *caught._excinfo).get_traceback_frames()
    ours = [frame for frame in frames if "layer_identity/keys" in frame["filename"]]
    assert "decrypt_private_key" in {frame["function"] for frame in ours}
    # The first frame is the decorator's. Its arguments are already cleared.
    assert [value for frame in ours[1:] for value in frame["vars"]] == []


def test_the_same_key_in_two_apps_is_cached_separately(stored, private_key):
    owner = {"app": 8, "fingerprint": private_key.fingerprint}
    other = StoredPrivateKey(
        **owner, ciphertext=encrypt_private_key(private_key.to_der(), **owner)
    )

    assert load_private_key(stored) is not load_private_key(other)


def test_the_last_two_keys_of_an_app_are_cached(store, parsed):
    first, second, third = (store(7, digit * 64) for digit in "123")

    for key in (first, second, first, second, third, second, third):
        load_private_key(key)
    assert len(parsed) == 3

    load_private_key(first)
    assert len(parsed) == 4


def test_keys_of_one_app_do_not_displace_those_of_another(store, parsed):
    other = store(8, "8" * 64)
    load_private_key(other)

    for digit in "123":
        load_private_key(store(7, digit * 64))

    assert load_private_key(other) is load_private_key(other)
    assert len(parsed) == 4


def test_keys_of_64_apps_are_cached(store, parsed):
    keys = [store(app, "1" * 64) for app in range(65)]
    for key in keys:
        load_private_key(key)
    assert len(parsed) == 65

    load_private_key(keys[1])
    assert len(parsed) == 65
    load_private_key(keys[0])
    assert len(parsed) == 66


def test_two_keys_of_each_of_64_apps_stay_in_memory_at_most(store, monkeypatch):
    alive, parse = WeakSet(), signers.load_stored_private_key

    def parse_and_watch(der):
        key = parse(der)
        alive.add(key)
        return key

    monkeypatch.setattr(internals.PARSE_STORED_KEY, parse_and_watch)
    for app in range(70):
        for digit in "123":
            load_private_key(store(app, digit * 64))
    gc.collect()

    assert (signers.MAX_APPS, signers.MAX_KEYS) == (64, 2)
    assert len(alive) == 64 * 2


def test_repr_does_not_show_the_ciphertext(stored):
    assert "lid1" not in repr(stored)


def test_a_self_test_bypasses_the_cache(stored, parsed):
    load_private_key(stored)
    damaged = replace(stored, ciphertext=stored.ciphertext[:-10])

    assert load_private_key(stored, fresh=True).fingerprint == stored.fingerprint
    assert len(parsed) == 2
    with pytest.raises(DamagedCiphertext):
        load_private_key(damaged, fresh=True)
