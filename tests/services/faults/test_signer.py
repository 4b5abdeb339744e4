"""A signing backend that hangs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from uuid import uuid4

import pytest

from django_layer_identity import keyring
from django_layer_identity.models import LayerApp
from tests.endpoint import configure, refusal
from tests.server.clients import Phone, create_app, create_users, new_nonce, phone
from tests.server.process import database as database_settings
from tests.server.process import identity, serve
from tests.server.vault import open_vault

pytestmark = [
    pytest.mark.service,
    pytest.mark.django_db(transaction=True, databases=["default", "postgresql"]),
    pytest.mark.parametrize("database", ["postgresql"], indirect=True),
]
SIGNING_FAILED = refusal(
    503, "signing_failed", "The identity token could not be signed. Try again later."
)


@pytest.fixture
def vault(private_key):
    with open_vault(private_key) as vault:
        yield vault


@pytest.fixture
def apps(database, settings, vault):
    """The IDs of two Layer apps: one with a local key, one with a key in the vault."""
    configure(settings, SIGNERS=vault.signers(TIMEOUT=4, MAX_CALLS=2))
    remote = LayerApp.objects.create(name="V", app_id=uuid4(), provider_id=uuid4())
    keyring.link_remote_key(remote, "vault", key_id=uuid4(), activate=True)
    return str(create_app().app_id), str(remote.app_id)


def test_a_backend_that_hangs_times_out_and_works_again_when_it_answers(apps, vault):
    local, remote = apps
    tokens = create_users("postgresql", *(f"user-{number}" for number in range(4)))
    nonces = [new_nonce() for _ in tokens]
    serving = serve(
        workers=1,
        threads=4,
        DATABASES=database_settings("postgresql"),
        LAYER_IDENTITY=identity(),
    )
    with ExitStack() as stack:
        server = stack.enter_context(serving)
        phones = [stack.enter_context(phone(server, token)) for token in tokens]
        pool = stack.enter_context(ThreadPoolExecutor(4))

        def ask_concurrently(app):
            ask = partial(Phone.ask, app_id=app)
            asked = [
                pool.submit(ask, *each) for each in zip(phones, nonces, strict=True)
            ]
            answers = [each.result(timeout=60) for each in asked]
            return [(answer.status, answer.body) for answer in answers]

        assert [status for status, _ in ask_concurrently(remote)] == [200] * 4
        workers = server.workers

        vault.answers.clear()
        assert ask_concurrently(remote) == [SIGNING_FAILED] * 4
        assert vault.waiting == 2  # the other two never reached the vault
        assert [status for status, _ in ask_concurrently(local)] == [200] * 4

        vault.answers.set()
        vault.wait_until_idle()
        assert [status for status, _ in ask_concurrently(remote)] == [200] * 4
        assert server.workers == workers
        assert "SIGNERS['vault']: no answer within 4 seconds." in server.said()
