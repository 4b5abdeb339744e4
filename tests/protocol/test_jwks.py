"""A verifier may take its keys from a JWK set."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key
from jwt.algorithms import RSAAlgorithm

from django_layer_identity.exceptions import InvalidKey, InvalidToken
from django_layer_identity.protocol.identifiers import KeyID
from django_layer_identity.protocol.validation import verify_identity_token
from tests.protocol.test_validation import KEY_ID, NOW, PROVIDER_ID, make_token


@pytest.fixture
def jwk(private_key):
    return private_key.public_key.as_jwk(KeyID.parse(KEY_ID))


def verify(private_key, *jwks):
    return verify_identity_token(
        make_token(private_key),
        keys={"keys": list(jwks)},
        provider_id=PROVIDER_ID,
        now=NOW,
    )


def test_a_token_of_a_key_in_the_set_is_valid(private_key, jwk):
    assert verify(private_key, jwk).user_id == "alice"


def test_keys_for_other_uses_are_ignored(private_key, jwk):
    others = [
        {"kty": "EC", "kid": KEY_ID},
        {**jwk, "use": "enc"},
        {**jwk, "kid": "my key"},
        {**jwk, "kid": None},
        {**jwk, "n": 7},
        {**jwk, "n": ""},
        None,
        "a key",
        [jwk],
    ]

    assert verify(private_key, *others, jwk).user_id == "alice"
    with pytest.raises(InvalidToken, match="eit_key_not_found"):
        verify(private_key, *others)


def test_a_private_key_in_the_set_is_ignored(private_key, jwk):
    key = load_der_private_key(private_key.to_der(), None)
    secret = RSAAlgorithm.to_jwk(key, as_dict=True)

    with pytest.raises(InvalidToken, match="eit_key_not_found"):
        verify(private_key, {**secret, "use": "sig", "kid": KEY_ID})


def test_an_empty_set_verifies_nothing(private_key):
    with pytest.raises(InvalidToken, match="eit_key_not_found"):
        verify(private_key)


@pytest.mark.parametrize(
    "jwks", [{}, {"keys": None}, {"keys": {}}, {"keys": "a"}, {"n": "x"}], ids=str
)
def test_something_else_than_a_set_is_refused(private_key, jwks):
    with pytest.raises(InvalidKey, match="This is not a JWK set"):
        verify_identity_token(
            make_token(private_key), keys=jwks, provider_id=PROVIDER_ID, now=NOW
        )
