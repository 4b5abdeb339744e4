from __future__ import annotations

import os

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django_tenants.utils import schema_context

from django_layer_identity.models import LayerApp, LayerUser, SigningKey
from tests.conftest import APP_ID, KEY_ID, PROVIDER_ID
from tests.endpoint import NONCE, URL, configure, decode, read
from tests.key_pairs import load_private_key
from tests.neighbours.tenants.customers.models import Customer, Domain

TENANTS = {"acme": "first", "globex": "second"}  # schema and key pair


@pytest.fixture
def keys(db):
    """The active key of each tenant; rows of both have the same primary keys."""
    connection.set_schema_to_public()
    yield {name: create(name, pair) for name, pair in TENANTS.items()}
    connection.set_schema_to_public()  # a request leaves that of its tenant


def create(name, pair):
    customer = Customer.objects.create(schema_name=name, name=name)
    Domain.objects.create(tenant=customer, domain=f"{name}.example.com")
    with schema_context(name):
        User.objects.create(username="alice")
        app = LayerApp.objects.create(
            name=name, app_id=APP_ID, provider_id=PROVIDER_ID, environment="production"
        )
        key = SigningKey.from_private_key(app, load_private_key(pair), key_id=KEY_ID)
        key.save()
        key.activate()
    return key


def ask(tenant, nonce=NONCE):
    client = Client(headers={"Host": f"{tenant}.example.com"})
    with schema_context(tenant):
        client.force_login(User.objects.get())
    return client.post(URL, {"nonce": nonce})


def test_each_tenant_signs_with_its_own_key_and_has_its_own_ledger(keys):
    for tenant, key in keys.items():
        status, body = read(ask(tenant, f"{NONCE[:-3]}{tenant[0]}=="))

        assert status == 200
        assert decode(body["identity_token"], key)["prn"] == "alice"
        with schema_context(tenant):
            assert LayerUser.objects.get().owner_id == keys[tenant].pk == 1


def test_with_the_key_function_tenants_share_no_rate_limit(settings, keys):
    configure(settings, THROTTLE_RATES={"user": "1/day"})

    statuses = [ask(tenant).status_code for tenant in ("acme", "acme", "globex")]

    shared = "TEST_WITHOUT_KEY_FUNCTION" in os.environ
    assert statuses == [200, 429, 429 if shared else 200]
