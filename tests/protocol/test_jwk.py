from __future__ import annotations

from pathlib import Path
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from django_layer_identity.exceptions import InvalidKey
from django_layer_identity.protocol.identifiers import KeyID
from django_layer_identity.protocol.jwk import public_jwk

VECTORS = Path(__file__).parent.parent / "vectors"
KEY_ID = KeyID(UUID("cccccccc-0000-4000-8000-000000000003"))
MODULUS = (  # openssl rsa -modulus, as base64url
    "uS98nPmiUi1XQGdKu5-i7eQPUaRgB-PkVO8PVPQO8AADpjQy378Lr5fWZh2yIDrmJ2g0_Jjz-OyM"
    "x489PrN7hebHwWM8Z3kRQJxYV9LipaFJZMiswJaaHUanva_r7P-"
    "1BWA7AkToWdYUSEV05oB0QQOj8SoNWeP8oBVUfcbGqMbcMVWsDflMWr9En6VWkRXMevM6NbOMnWn"
    "MVqQbJE4vHlQ0yfqODNPpkc2mYKAYyPS21MjYTbHHsRNqTHAsofkje3TiZ_NiYkcYp6-H8a-"
    "0tkgsl5hpvL3Sv2_MX-tyEBfEY86ES1hbUhYfg3_zK9E4VF92HEQhqTdfXk6nqEbGsQ"
)


@pytest.fixture
def public_pem():
    return (VECTORS / "public_key.pem").read_text()


def test_a_jwk_has_the_public_members_and_no_others(public_pem):
    assert public_jwk(public_pem, KEY_ID) == {
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": "layer:///keys/cccccccc-0000-4000-8000-000000000003",
        "n": MODULUS,
        "e": "AQAB",  # 65537: 01 00 01
    }


def test_a_token_made_by_openssl_checks_out_with_the_jwk(public_pem):
    token = (VECTORS / "token.txt").read_text().strip()

    header, payload, signature = token.split(".")
    key = jwt.PyJWK(public_jwk(public_pem, KEY_ID))
    assert key.Algorithm.verify(
        f"{header}.{payload}".encode(),
        key.key,
        jwt.utils.base64url_decode(signature),
    )


def test_what_is_no_public_key_is_refused():
    with pytest.raises(InvalidKey, match=r"^This is no public key in PEM\.$"):
        public_jwk("layer", KEY_ID)


def test_a_private_key_is_refused():
    private_pem = (VECTORS / "private_key.pem").read_text()

    with pytest.raises(InvalidKey, match=r"^This is no public key in PEM\.$"):
        public_jwk(private_pem, KEY_ID)


def test_an_elliptic_key_is_refused():
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    with pytest.raises(InvalidKey, match="Layer accepts RSA alone"):
        public_jwk(pem, KEY_ID)
