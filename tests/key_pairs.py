"""Key pairs for tests, loaded from committed files because generating is slow."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from django_layer_identity.keys.rsa import PrivateKey

VECTORS = Path(__file__).parent / "vectors"


@cache
def load_rsa_key(name: str) -> rsa.RSAPrivateKey:
    """
    Return the key "first", "second" or "third" as a key of ``cryptography``.

    "public_test" is the key that the package knows as public.
    """
    file = "private_key" if name == "public_test" else f"{name}_private_key"
    pem = (VECTORS / f"{file}.pem").read_bytes()
    key = load_pem_private_key(pem, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def load_private_key(name: str) -> PrivateKey:
    """Return the key "first", "second" or "third" as a ``PrivateKey``."""
    return PrivateKey(load_rsa_key(name))
