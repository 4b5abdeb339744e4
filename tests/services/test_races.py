"""Two concurrent connections, on the databases that support them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from threading import Barrier

import pytest
from django.db import connections

from django_layer_identity import keyring
from django_layer_identity.exceptions import KeyStateError
from django_layer_identity.models import LayerApp, SigningKey
from django_layer_identity.protocol.identifiers import AppID, ProviderID
from tests.conftest import APP_ID, KEY_ID, OTHER_KEY_ID, PROVIDER_ID
from tests.keys.test_rsa import as_pem

pytestmark = [
    pytest.mark.service,
    pytest.mark.django_db(transaction=True, databases="__all__"),
]


@pytest.fixture
def run_concurrently(database):
    """Call functions concurrently, each on its own connection."""
    barrier = Barrier(2)

    def call(function):
        try:
            barrier.wait(timeout=10)
            return function()
        finally:
            connections[database.alias].close()

    def run(*functions):
        with ThreadPoolExecutor(2) as pool:
            tasks = [pool.submit(copy_context().run, call, one) for one in functions]
            return [task.result(timeout=60) for task in tasks]

    return run


@pytest.fixture
def wait_for_both(before_key_write):
    """Delay two imports until both have read which key is active."""
    before_key_write(partial(Barrier(2).wait, timeout=10))


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
@pytest.mark.parametrize("attempt", range(5))
def test_of_two_concurrent_imports_of_active_keys_one_succeeds(
    database, run_concurrently, wait_for_both, private_key, other_private_key, attempt
):
    app = LayerApp.objects.create(name="M", app_id=APP_ID, provider_id=PROVIDER_ID)

    def import_key(key, key_id):
        try:
            key = keyring.import_private_key(
                app, as_pem(key), key_id=key_id, activate=True
            )
        except KeyStateError as exc:
            return str(exc)
        return key.state.value

    results = run_concurrently(
        partial(import_key, private_key, KEY_ID),
        partial(import_key, other_private_key, OTHER_KEY_ID),
    )

    key = SigningKey.objects.get()
    assert sorted(results) == [
        f"Another key ({key}) was activated at the same time. Reload and try again.",
        "active",
    ]
    assert key.state == "active"


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
def test_an_app_created_twice_concurrently_exists_once(database, run_concurrently):
    def ensure():
        return LayerApp.objects.get_or_create_exact(
            name="M", app_id=AppID(APP_ID), provider_id=ProviderID(PROVIDER_ID)
        )

    first, second = run_concurrently(ensure, ensure)

    assert first == second == LayerApp.objects.get()
