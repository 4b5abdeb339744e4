from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.key_pairs import load_rsa_key
from tests.secrecy.needles import Planted
from tests.secrecy.world import ENTRY, FORMER_ENTRY, PASSPHRASE, World


@pytest.fixture(scope="session")
def rsa_key() -> rsa.RSAPrivateKey:
    return load_rsa_key("third")


@pytest.fixture(scope="session")
def planted(rsa_key) -> Planted:
    return Planted(
        rsa_key, passphrase=PASSPHRASE, entry=ENTRY, former_entry=FORMER_ENTRY
    )


@pytest.fixture
def world(admin_client, app, rsa_key, alice, settings, tmp_path) -> World:
    settings.LAYER_IDENTITY = {
        **settings.LAYER_IDENTITY,
        "KEY_ENCRYPTION_KEYS": [ENTRY, FORMER_ENTRY],
    }
    return World(admin_client, app, rsa_key, alice, tmp_path)
