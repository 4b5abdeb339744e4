from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from django_layer_identity.exceptions import InvalidKey
from django_layer_identity.keys.reading import read_private_key
from django_layer_identity.keys.rsa import (
    PrivateKey,
    generate_private_key,
    load_stored_private_key,
    verify_signature,
)
from tests.internals import rsa_key_of

VECTORS = Path(__file__).parents[1] / "vectors"
DAMAGED = "This private key is damaged or incomplete. Copy the complete key."

PKCS1 = PrivateFormat.TraditionalOpenSSL
PKCS8 = PrivateFormat.PKCS8
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED25519_KEY = ed25519.Ed25519PrivateKey.generate()


def as_pem(key, form=PKCS8, encryption=None) -> str:
    key = rsa_key_of(key) if isinstance(key, PrivateKey) else key
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption()).decode()


@pytest.mark.parametrize("bits", [0, 1024, 2047, 8192])
def test_other_key_sizes_are_refused(bits):
    with pytest.raises(InvalidKey) as caught:
        generate_private_key(bits)

    assert str(caught.value) == "A new key must have 2048, 3072 or 4096 bits."


def test_the_fingerprint_is_the_sha_256_of_the_public_key():
    key = read_private_key((VECTORS / "private_key.pem").read_text())

    # openssl rsa -in private_key.pem -pubout -outform DER | sha256sum
    assert (
        key.fingerprint
        == "f6e2e9875d7a21c68be79811581b9550607ae6ea6b53bbc0db3b60d21d6a3e1d"
    )


def test_the_public_key_is_the_one_that_openssl_prints():
    key = read_private_key((VECTORS / "private_key.pem").read_text())

    assert key.public_key.pem == (VECTORS / "public_key.pem").read_text()


def test_a_stored_key_can_be_loaded_again(private_key):
    restored = load_stored_private_key(private_key.to_der())

    assert restored.sign(b"message") == private_key.sign(b"message")


@pytest.mark.parametrize(
    "der", [b"", b"0", as_pem(EC_KEY).encode()], ids=["empty", "cut", "EC"]
)
def test_a_damaged_stored_key_is_refused(der):
    with pytest.raises(InvalidKey) as caught:
        load_stored_private_key(der)

    assert str(caught.value) == DAMAGED


def test_a_signature_verifies_only_with_its_own_public_key(
    private_key, other_private_key
):
    signature = private_key.sign(b"message")

    assert verify_signature(private_key.public_key.pem, b"message", signature)
    assert not verify_signature(private_key.public_key.pem, b"other", signature)
    assert not verify_signature(other_private_key.public_key.pem, b"message", signature)


def test_a_damaged_public_key_is_reported():
    with pytest.raises(
        InvalidKey,
        match=r"^The stored public key is damaged\. Restore that row from a backup\.$",
    ):
        verify_signature("layer", b"message", b"signature")


def test_repr_of_a_private_key_shows_only_its_fingerprint(private_key):
    expected = f"<PrivateKey {private_key.fingerprint[:16]}>"

    assert repr(private_key) == expected
    assert str(private_key) == expected


def test_a_private_key_cannot_be_pickled(private_key):
    with pytest.raises(TypeError):
        pickle.dumps(private_key)


def test_equality_of_private_keys_is_identity(private_key):
    assert PrivateKey(rsa_key_of(private_key)) != private_key
