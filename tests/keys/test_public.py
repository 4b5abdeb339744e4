from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from django_layer_identity.exceptions import InvalidKey
from django_layer_identity.keys.public import PublicKey, public_pem, read_public_key


def test_a_public_half_is_read_as_its_private_half_shows_it(private_key):
    assert read_public_key(private_key.public_pem) == PublicKey(
        private_key.public_pem, private_key.fingerprint, 2048
    )


@pytest.mark.parametrize("pem", ["", "layer", "-----BEGIN PUBLIC KEY-----"])
def test_what_is_no_public_key_is_refused(pem):
    with pytest.raises(InvalidKey, match=r"^This is no public key in PEM\.$"):
        read_public_key(pem)


def test_an_elliptic_key_is_refused():
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    with pytest.raises(InvalidKey, match="Layer accepts RSA alone"):
        read_public_key(pem)


@pytest.mark.parametrize("bits", [2047, 4097])
def test_a_key_of_another_size_is_refused(bits):
    with pytest.raises(InvalidKey) as caught:
        read_public_key(public_pem(2 ** (bits - 1) + 1, 65537))

    assert str(caught.value) == f"This key has {bits} bits; 2048 to 4096 are accepted."


@pytest.mark.parametrize(("modulus", "exponent"), [(2**2047, 1), (3, 65537), (0, 0)])
def test_numbers_that_are_no_key_are_refused(modulus, exponent):
    with pytest.raises(InvalidKey, match=r"^This is no RSA public key\.$"):
        public_pem(modulus, exponent)
