"""Several people at one app's keys at once: the database decides, and says who lost."""

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

TURNS = 3
DONE = "done"
NEW_ID = UUID("eeeeeeee-0000-4000-8000-000000000005")
MOMENT_AGO = "Another key ({}) was activated at the same time. Reload and try again."
REVOKED = "A revoked key cannot sign. Activate another key."


@pytest.fixture(
    params=["immediate", "deferred", "postgresql", "mariadb"],
    ids=["sqlite-immediate", "sqlite-deferred", "postgresql", "mariadb"],
)
def database(request):
    """Each database in turn, and SQLite's file in both ways to begin a transaction."""
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
def turns(database, private_key, other_private_key):
    """An app with two keys that are ready, again and again."""

    def turns():
        for _ in range(TURNS):
            SigningKey.objects.update(active_for=None)
            SigningKey.objects.all().delete()
            LayerApp.objects.all().delete()
            app = LayerApp.objects.create(
                name="M", app_id=APP_ID, provider_id=PROVIDER_ID
            )
            first = ready(app, private_key, KEY_ID)
            yield first, ready(app, other_private_key, OTHER_KEY_ID)

    return turns


@pytest.fixture
def at_once(database):
    """Act at the same time, each on a connection of its own; return what each heard."""

    def call(barrier, act, *args):
        try:
            barrier.wait(timeout=60)
            act(*args)
        except LayerIdentityError as exc:
            return str(exc)
        else:
            return DONE
        finally:
            connections[database].close()

    def run(*acts):
        barrier = Barrier(len(acts))
        with ThreadPoolExecutor(len(acts)) as pool:
            tasks = [
                pool.submit(copy_context().run, call, barrier, *act) for act in acts
            ]
            return [task.result(timeout=120) for task in tasks]

    return run


def again(key):
    """The same key, as somebody else has loaded it."""
    return SigningKey.objects.get(pk=key.pk)


def states(*keys):
    return [again(key).state.value for key in keys]


@pytest.fixture
def watching(database):
    """Count the active keys again and again while others act."""

    def watch(done, counts):
        try:
            while not done.is_set():
                counts.append(SigningKey.objects.filter(active_for__gt=0).count())
        finally:
            connections[database].close()

    @contextmanager
    def watching():
        done, counts = Event(), []
        with ThreadPoolExecutor(1) as pool:
            task = pool.submit(copy_context().run, watch, done, counts)
            try:
                yield counts
            finally:
                done.set()
            task.result(timeout=60)

    return watching


@pytest.fixture
def all_looking(monkeypatch):
    """Let as many activate at once as have seen which key is active, and none before."""
    activate = SigningKey.activate_replacing

    @contextmanager
    def all_looking(count):
        barrier = Barrier(count)

        def activate_after_all_looked(key, former):
            barrier.wait(timeout=60)
            return activate(key, former)

        with monkeypatch.context() as patch:
            patch.setattr(SigningKey, "activate_replacing", activate_after_all_looked)
            yield

    return all_looking


def test_of_two_activated_at_once_one_is_active(turns, at_once, all_looking):
    for first, second in turns():
        with all_looking(2):
            heard = at_once((first.activate,), (second.activate,))

        winner, loser = (first, second) if heard[0] == DONE else (second, first)
        assert sorted(heard) == [MOMENT_AGO.format(winner), DONE]
        assert states(winner, loser) == ["active", "ready"]


def test_of_two_that_take_the_active_keys_place_at_once_one_does(
    turns, at_once, all_looking, watching
):
    for first, second in turns():
        third = keyring.generate_private_key(first.app, key_id=NEW_ID)
        third.activate()

        with all_looking(2), watching() as counts:
            heard = at_once((first.activate,), (second.activate,))

        winner, loser = (first, second) if heard[0] == DONE else (second, first)
        assert sorted(heard) == [MOMENT_AGO.format(winner), DONE]
        assert states(winner, loser, third) == ["active", "ready", "retired"]
        assert set(counts) == {1}


def test_one_key_activated_twice_at_once_is_active(
    turns, at_once, all_looking, watching
):
    for first, second in turns():
        first.activate()

        with all_looking(2), watching() as counts:
            heard = at_once((second.activate,), (again(second).activate,))

        assert heard == [DONE, DONE]
        assert states(first, second) == ["retired", "active"]
        assert set(counts) == {1}


def test_keys_activated_one_after_the_other_all_are(turns, at_once):
    for first, second in turns():
        heard = [at_once((key.activate,)) for key in (first, second, first)]

        assert heard == [[DONE], [DONE], [DONE]]
        assert states(first, second) == ["active", "retired"]


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
def test_no_other_connection_writes_to_the_former_key_during_an_activation(
    turns, at_once, database, monkeypatch
):
    first, second = next(turns())
    first.activate()
    load_signer, heard, free = second.load_signer, [], []

    def look():
        with transaction.atomic(using=database):
            free.extend(SigningKey.objects.select_for_update(skip_locked=True))

    def look_first(**options):
        heard.extend(at_once((look,)))
        return load_signer(**options)

    monkeypatch.setattr(second, "load_signer", look_first)
    second.activate()

    assert (heard, free) == ([DONE], [])
    assert states(first, second) == ["retired", "active"]


def test_a_key_activated_and_revoked_at_once_is_revoked(turns, at_once):
    for key, _ in turns():
        activated, revoked = at_once((key.activate,), (again(key).revoke, "leaked"))

        assert revoked == DONE
        assert activated == (DONE if again(key).activated_at else REVOKED)
        assert states(key) == ["revoked"]


def test_the_active_key_is_revoked_while_another_is_activated(turns, at_once):
    for first, second in turns():
        first.activate()

        heard = at_once((second.activate,), (again(first).revoke, "leaked"))

        assert heard == [DONE, DONE]
        assert states(first, second) == ["revoked", "active"]


def test_a_key_imported_twice_at_once_is_imported_once(turns, at_once, private_key):
    for first, _ in turns():
        first.delete()
        act = keyring.import_private_key, first.app, as_pem(private_key)

        heard = at_once(act, act, act)

        twin = "The Layer app already has this key: the public key is the same."
        assert sorted(heard) == [twin, twin, DONE]
        assert SigningKey.objects.filter(fingerprint=first.fingerprint).count() == 1


def test_two_keys_given_one_id_at_once_get_it_once(turns, at_once):
    for first, second in turns():
        heard = at_once((first.set_key_id, NEW_ID), (second.set_key_id, NEW_ID))

        assert sorted(heard) == ["Another key of this Layer app has this key ID.", DONE]
        assert SigningKey.objects.filter(key_id=NEW_ID).count() == 1


def test_a_key_activated_and_destroyed_at_once_is_one_of_both(turns, at_once):
    for key, _ in turns():
        key.activate()
        key.retire()

        heard = at_once((key.activate,), (again(key).destroy_private_key,))

        state, is_destroyed = again(key).state, again(key).destroyed_at is not None
        assert (heard, state.value, is_destroyed) == (
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


def test_a_key_activated_and_deleted_at_once_is_one_of_both(turns, at_once):
    for key, _ in turns():
        heard = at_once((key.activate,), (again(key).delete,))

        assert heard == (
            [DONE, "An active key cannot be deleted. Retire or revoke it first."]
            if SigningKey.objects.filter(fingerprint=key.fingerprint).exists()
            else ["This signing key was deleted.", DONE]
        )


def test_an_id_changed_while_a_key_is_activated_is_changed_before_or_stays(
    turns, at_once
):
    for key, _ in turns():
        app = LayerApp.objects.get()
        app.provider_id = NEW_ID

        activated, changed = at_once((key.activate,), (app.save,))

        stored = LayerApp.objects.get()
        assert activated == DONE
        assert changed == (
            DONE
            if stored.provider_id == NEW_ID
            else "The app ID, environment and provider ID cannot change, because a key of this Layer app has been active."
        )
        assert stored.frozen_at is not None
