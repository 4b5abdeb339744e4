from __future__ import annotations

from pathlib import Path
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from django_layer_identity.exceptions import InvalidKey
from django_layer_identity.keys.rsa import PublicKey, public_pem, read_public_key
from django_layer_identity.protocol.identifiers import KeyID

VECTORS = Path(__file__).parent.parent / "vectors"
KEY_ID = KeyID(UUID("cccccccc-0000-4000-8000-000000000003"))
MODULUS = (  # openssl rsa -modulus, as base64url
    "uS98nPmiUi1XQGdKu5-i7eQPUaRgB-PkVO8PVPQO8AADpjQy378Lr5fWZh2yIDrmJ2g0_Jjz-OyM"
    "x489PrN7hebHwWM8Z3kRQJxYV9LipaFJZMiswJaaHUanva_r7P-"
    "1BWA7AkToWdYUSEV05oB0QQOj8SoNWeP8oBVUfcbGqMbcMVWsDflMWr9En6VWkRXMevM6NbOMnWn"
    "MVqQbJE4vHlQ0yfqODNPpkc2mYKAYyPS21MjYTbHHsRNqTHAsofkje3TiZ_NiYkcYp6-H8a-"
    "0tkgsl5hpvL3Sv2_MX-tyEBfEY86ES1hbUhYfg3_zK9E4VF92HEQhqTdfXk6nqEbGsQ"
)
UNKNOWN_CURVE = """\
-----BEGIN PUBLIC KEY-----
MDYwEAYHKoZIzj0CAQYFK4EEABwDIgAELt6PlcwanbMrMipyQlDw4jDEJuL8+lyK
nIgCrecuW/M=
-----END PUBLIC KEY-----
"""  # openssl ecparam -name secp128r1 -genkey -noout | openssl ec -pubout


@pytest.fixture
def public_key():
    return read_public_key((VECTORS / "public_key.pem").read_text())


def test_reading_a_public_key_gives_the_public_key_of_the_private_key(private_key):
    assert read_public_key(private_key.public_key.pem) == PublicKey(
        private_key.public_key.pem, private_key.fingerprint, 2048
    )


@pytest.mark.parametrize(
    "pem",
    [
        pytest.param("", id="empty"),
        pytest.param("layer", id="text"),
        pytest.param("-----BEGIN PUBLIC KEY-----", id="cut-off"),
        pytest.param((VECTORS / "private_key.pem").read_text(), id="private-key"),
        pytest.param(UNKNOWN_CURVE, id="unknown-curve"),
    ],
)
def test_text_that_is_not_a_public_key_is_refused(pem):
    with pytest.raises(InvalidKey, match=r"^This is not a public key in PEM format\.$"):
        read_public_key(pem)


def test_an_elliptic_curve_key_is_refused():
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    with pytest.raises(InvalidKey, match="Layer accepts only RSA keys"):
        read_public_key(pem)


@pytest.mark.parametrize("bits", [2047, 4097])
def test_a_key_of_another_size_is_refused(bits):
    with pytest.raises(InvalidKey) as caught:
        read_public_key(public_pem(2 ** (bits - 1) + 1, 65537))

    assert (
        str(caught.value)
        == f"This key has {bits} bits. It must have 2048 to 4096 bits."
    )


@pytest.mark.parametrize(("modulus", "exponent"), [(2**2047, 1), (3, 65537), (0, 0)])
def test_invalid_numbers_are_refused(modulus, exponent):
    with pytest.raises(
        InvalidKey,
        match=r"^The modulus and the exponent do not form an RSA public key\.$",
    ):
        public_pem(modulus, exponent)


def test_a_jwk_has_only_the_public_members(public_key):
    assert public_key.as_jwk(KEY_ID) == {
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": "layer:///keys/cccccccc-0000-4000-8000-000000000003",
        "n": MODULUS,
        "e": "AQAB",  # 65537: 01 00 01
    }


def test_the_jwk_verifies_a_token_made_by_openssl(public_key):
    token = (VECTORS / "token.txt").read_text().strip()

    header, payload, signature = token.split(".")
    key = jwt.PyJWK(public_key.as_jwk(KEY_ID))
    assert key.Algorithm.verify(
        f"{header}.{payload}".encode(),
        key.key,
        jwt.utils.base64url_decode(signature),
    )
