"""Other verifiers than Layer, each with the JWK set of a running server."""

from __future__ import annotations

import json
import subprocess

import jwt
import pytest
from rest_framework.test import APIClient

from django_layer_identity.models import SigningKey
from tests.conftest import APP_ID, KEY_ID, OTHER_KEY_ID
from tests.endpoint import NONCE
from tests.endpoint import URL as AUTHENTICATE

pytestmark = pytest.mark.service

KID = f"layer:///keys/{KEY_ID}"


@pytest.fixture
def jwks(live_server):
    return f"{live_server.url}/layer/jwks.json"


@pytest.fixture
def token(live_server, key, alice):
    """The identity token that the endpoint issues for Alice."""
    phone = APIClient()
    phone.force_authenticate(alice)
    return phone.post(AUTHENTICATE, {"nonce": NONCE}).json()["identity_token"]


def revoke(key, other_private_key):
    """Activate another key first, so that the JWK set is not empty; then revoke the key."""
    other = SigningKey.from_private_key(key.app, other_private_key, key_id=OTHER_KEY_ID)
    other.save()
    other.activate()
    key.revoke("leaked")


def verify_with_jose(folder, jwks, token):
    done = subprocess.run(
        ["node", "verify.js", jwks],
        cwd=folder,
        input=token,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)


def verify_with_pyjwt(jwks, token):
    key = jwt.PyJWKClient(jwks, timeout=10).get_signing_key_from_jwt(token)
    return key.key_id, jwt.decode(token, key, algorithms=["RS256"])


@pytest.mark.parametrize("query", ["", f"?app_id={APP_ID}"])
def test_jose_accepts_a_real_token(jose, jwks, token, query):
    answer = verify_with_jose(jose, jwks + query, token)

    assert answer["payload"]["prn"] == "alice"
    assert answer["payload"]["nce"] == NONCE


def test_jose_accepts_a_token_of_a_retired_key(jose, jwks, token, key):
    key.retire()

    assert verify_with_jose(jose, jwks, token)["payload"]["prn"] == "alice"


def test_jose_refuses_a_token_of_a_revoked_key(
    jose, jwks, token, key, other_private_key
):
    revoke(key, other_private_key)

    answer = verify_with_jose(jose, jwks, token)

    assert answer == {"code": "ERR_JWKS_NO_MATCHING_KEY"}


def test_jose_refuses_an_altered_token(jose, jwks, token):
    header, payload, signature = token.split(".")
    altered = f"{header}.{payload}.{signature[::-1]}"

    answer = verify_with_jose(jose, jwks, altered)

    assert answer == {"code": "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"}


def test_pyjwt_accepts_a_real_token(jwks, token):
    key_id, claims = verify_with_pyjwt(jwks, token)

    assert (key_id, claims["prn"]) == (KID, "alice")


def test_pyjwt_refuses_a_token_of_a_revoked_key(jwks, token, key, other_private_key):
    revoke(key, other_private_key)

    with pytest.raises(jwt.PyJWKClientError, match="Unable to find a signing key"):
        verify_with_pyjwt(jwks, token)
