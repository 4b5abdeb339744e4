"""Concurrent changes to one app's keys: the database decides, the loser gets an error."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from threading import Barrier, Event
from uuid import UUID

import pytest
from django.db import connections, transaction

from django_layer_identity import keyring
from django_layer_identity.exceptions import LayerIdentityError
from django_layer_identity.models import LayerApp, SigningKey
from tests.conftest import APP_ID, KEY_ID, OTHER_KEY_ID, PROVIDER_ID
from tests.keys.test_rsa import as_pem
from tests.services import routing
from tests.services.conftest import need

pytestmark = [
    pytest.mark.service,
    pytest.mark.django_db(transaction=True, databases="__all__"),
]

ROUNDS = 3
DONE = "done"
NEW_ID = UUID("eeeeeeee-0000-4000-8000-000000000005")
ACTIVATED_MEANWHILE = (
    "Another key ({}) was activated at the same time. Reload and try again."
)
REVOKED = "A revoked key cannot sign. Activate another key."


@pytest.fixture(
    params=["immediate", "deferred", "postgresql", "mariadb"],
    ids=["sqlite-immediate", "sqlite-deferred", "postgresql", "mariadb"],
)
def database(request):
    """Run the test on each database, and on SQLite with both transaction modes."""
    if request.param not in ("immediate", "deferred"):
        need(request.param)
        token = routing.database.set(request.param)
        yield request.param
        routing.database.reset(token)
        return
    request.getfixturevalue("sqlite_file")
    if request.param == "deferred":
        connections["file"].close()
        del connections["file"]
        connections.settings["file"]["OPTIONS"].pop("transaction_mode")
    yield "file"


def ready(app, private_key, key_id):
    key = SigningKey.from_private_key(app, private_key, key_id=key_id)
    key.save()
    key.run_self_test()
    return key


@pytest.fixture
def rounds(database, private_key, other_private_key):
    """Yield two ready keys of a new app, once per round."""

    def rounds():
        for _ in range(ROUNDS):
            SigningKey.objects.update(active_for=None)
            SigningKey.objects.all().delete()
            LayerApp.objects.all().delete()
            app = LayerApp.objects.create(
                name="M", app_id=APP_ID, provider_id=PROVIDER_ID
            )
            first = ready(app, private_key, KEY_ID)
            yield first, ready(app, other_private_key, OTHER_KEY_ID)

    return rounds


@pytest.fixture
def run_concurrently(database):
    """Run calls concurrently, each on its own connection; return "done" or the error."""

    def call(barrier, function, *args):
        try:
            barrier.wait(timeout=60)
            function(*args)
        except LayerIdentityError as exc:
            return str(exc)
        else:
            return DONE
        finally:
            connections[database].close()

    def run(*calls):
        barrier = Barrier(len(calls))
        with ThreadPoolExecutor(len(calls)) as pool:
            tasks = [
                pool.submit(copy_context().run, call, barrier, *function)
                for function in calls
            ]
            return [task.result(timeout=120) for task in tasks]

    return run


def reload(key):
    """Return the same key as a new instance."""
    return SigningKey.objects.get(pk=key.pk)


def states(*keys):
    return [reload(key).state.value for key in keys]


@pytest.fixture
def watch_active_keys(database):
    """Count the active keys repeatedly while other connections change them."""

    def watch(done, counts):
        try:
            while not done.is_set():
                counts.append(SigningKey.objects.filter(active_for__gt=0).count())
        finally:
            connections[database].close()

    @contextmanager
    def watch_active_keys():
        done, counts = Event(), []
        with ThreadPoolExecutor(1) as pool:
            task = pool.submit(copy_context().run, watch, done, counts)
            try:
                yield counts
            finally:
                done.set()
            task.result(timeout=60)

    return watch_active_keys


@pytest.fixture
def wait_for_all(monkeypatch):
    """Delay activations until all of them have read which key is active."""
    activate = SigningKey.activate_replacing

    @contextmanager
    def wait_for_all(count):
        barrier = Barrier(count)

        def activate_after_all_have_read(key, former):
            barrier.wait(timeout=60)
            return activate(key, former)

        with monkeypatch.context() as patch:
            patch.setattr(
                SigningKey, "activate_replacing", activate_after_all_have_read
            )
            yield

    return wait_for_all


def test_of_two_concurrent_activations_one_succeeds(
    rounds, run_concurrently, wait_for_all
):
    for first, second in rounds():
        with wait_for_all(2):
            results = run_concurrently((first.activate,), (second.activate,))

        winner, loser = (first, second) if results[0] == DONE else (second, first)
        assert sorted(results) == [ACTIVATED_MEANWHILE.format(winner), DONE]
        assert states(winner, loser) == ["active", "ready"]


def test_of_two_concurrent_replacements_of_the_active_key_one_succeeds(
    rounds, run_concurrently, wait_for_all, watch_active_keys
):
    for first, second in rounds():
        third = keyring.generate_private_key(first.app, key_id=NEW_ID)
        third.activate()

        with wait_for_all(2), watch_active_keys() as counts:
            results = run_concurrently((first.activate,), (second.activate,))

        winner, loser = (first, second) if results[0] == DONE else (second, first)
        assert sorted(results) == [ACTIVATED_MEANWHILE.format(winner), DONE]
        assert states(winner, loser, third) == ["active", "ready", "retired"]
        assert set(counts) == {1}


def test_concurrent_activations_of_one_key_both_succeed(
    rounds, run_concurrently, wait_for_all, watch_active_keys
):
    for first, second in rounds():
        first.activate()

        with wait_for_all(2), watch_active_keys() as counts:
            results = run_concurrently((second.activate,), (reload(second).activate,))

        assert results == [DONE, DONE]
        assert states(first, second) == ["retired", "active"]
        assert set(counts) == {1}


def test_consecutive_activations_all_succeed(rounds, run_concurrently):
    for first, second in rounds():
        results = [run_concurrently((key.activate,)) for key in (first, second, first)]

        assert results == [[DONE], [DONE], [DONE]]
        assert states(first, second) == ["active", "retired"]


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
def test_an_activation_locks_the_former_key(
    rounds, run_concurrently, database, monkeypatch
):
    first, second = next(rounds())
    first.activate()
    load_signer, results, free = second.load_signer, [], []

    def look():
        with transaction.atomic(using=database):
            free.extend(SigningKey.objects.select_for_update(skip_locked=True))

    def look_first(**options):
        results.extend(run_concurrently((look,)))
        return load_signer(**options)

    monkeypatch.setattr(second, "load_signer", look_first)
    second.activate()

    assert (results, free) == ([DONE], [])
    assert states(first, second) == ["retired", "active"]


def test_a_key_activated_and_revoked_concurrently_is_revoked(rounds, run_concurrently):
    for key, _ in rounds():
        activated, revoked = run_concurrently(
            (key.activate,), (reload(key).revoke, "leaked")
        )

        assert revoked == DONE
        assert activated == (DONE if reload(key).activated_at else REVOKED)
        assert states(key) == ["revoked"]


def test_the_active_key_is_revoked_while_another_is_activated(rounds, run_concurrently):
    for first, second in rounds():
        first.activate()

        results = run_concurrently((second.activate,), (reload(first).revoke, "leaked"))

        assert results == [DONE, DONE]
        assert states(first, second) == ["revoked", "active"]


def test_of_concurrent_imports_of_one_key_one_succeeds(
    rounds, run_concurrently, private_key
):
    for first, _ in rounds():
        first.delete()
        function = keyring.import_private_key, first.app, as_pem(private_key)

        results = run_concurrently(function, function, function)

        duplicate = "The Layer app already has this key: the public key is the same."
        assert sorted(results) == [duplicate, duplicate, DONE]
        assert SigningKey.objects.filter(fingerprint=first.fingerprint).count() == 1


def test_of_concurrent_imports_of_an_unreadable_key_one_stores_it_again(
    rounds, run_concurrently, private_key
):
    for first, _ in rounds():
        SigningKey.objects.filter(pk=first.pk).update(encrypted_private_key="lost")
        function = keyring.import_private_key, first.app, as_pem(private_key)

        results = run_concurrently(function, function, function)

        duplicate = "The Layer app already has this key: the public key is the same."
        assert sorted(results) == [duplicate, duplicate, DONE]
        reload(first).run_self_test()


def test_a_key_that_is_revoked_while_it_is_imported_again_is_revoked(
    rounds, run_concurrently, private_key
):
    for first, _ in rounds():
        SigningKey.objects.filter(pk=first.pk).update(encrypted_private_key="lost")

        run_concurrently(
            (keyring.import_private_key, first.app, as_pem(private_key)),
            (first.revoke, "leaked"),
        )

        stored = reload(first)
        assert (stored.state, stored.encrypted_private_key) == ("revoked", "")


def test_of_two_keys_set_to_one_id_concurrently_one_gets_it(rounds, run_concurrently):
    for first, second in rounds():
        results = run_concurrently(
            (first.set_key_id, NEW_ID), (second.set_key_id, NEW_ID)
        )

        assert sorted(results) == [
            "Another key of this Layer app has this key ID.",
            DONE,
        ]
        assert SigningKey.objects.filter(key_id=NEW_ID).count() == 1


def test_a_key_activated_and_destroyed_concurrently_is_active_or_destroyed(
    rounds, run_concurrently
):
    for key, _ in rounds():
        key.activate()
        key.retire()

        results = run_concurrently((key.activate,), (reload(key).destroy_private_key,))

        state, is_destroyed = reload(key).state, reload(key).destroyed_at is not None
        assert (results, state.value, is_destroyed) == (
            (
                [
                    DONE,
                    "Only a retired key's private key can be destroyed. This key is active.",
                ],
                "active",
                False,
            )
            if state == "active"
            else (
                [
                    "The private key of this key was destroyed. Activate another key.",
                    DONE,
                ],
                "retired",
                True,
            )
        )


def test_a_key_activated_and_deleted_concurrently_is_active_or_deleted(
    rounds, run_concurrently
):
    for key, _ in rounds():
        results = run_concurrently((key.activate,), (reload(key).delete,))

        assert results == (
            [DONE, "An active key cannot be deleted. Retire or revoke it first."]
            if SigningKey.objects.filter(fingerprint=key.fingerprint).exists()
            else ["This signing key was deleted.", DONE]
        )


def test_an_id_changed_during_an_activation_changes_before_it_or_not_at_all(
    rounds, run_concurrently
):
    for key, _ in rounds():
        app = LayerApp.objects.get()
        app.provider_id = NEW_ID

        activated, changed = run_concurrently((key.activate,), (app.save,))

        stored = LayerApp.objects.get()
        assert activated == DONE
        assert changed == (
            DONE
            if stored.provider_id == NEW_ID
            else "The app ID, environment and provider ID cannot change, because a key of this Layer app has been active."
        )
        assert stored.frozen_at is not None
