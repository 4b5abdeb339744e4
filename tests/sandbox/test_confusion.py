"""Tokens made to confuse a validator. Each is refused, without a network request."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from tests.conftest import KEY_ID
from tests.protocol.test_explain import forged_headers
from tests.sandbox.layer import assert_token_refused, make_token, post_session

WRONG_VALUE = "eit_header_param_wrong_value"
WRONG_TYPE = "eit_header_param_wrong_type"
NOT_SIGNED = "eit_signature_verification_failed"
KID = f"layer:///keys/{KEY_ID}"
ELSEWHERE = "http://127.0.0.1:9/keys.json"


def encode(data):
    text = data if isinstance(data, (bytes, str)) else json.dumps(data)
    raw = text.encode() if isinstance(text, str) else text
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(part):
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


@pytest.fixture(autouse=True)
def _no_calls(monkeypatch):
    """Fail if a URL in a token is followed."""
    called = []
    monkeypatch.setattr(socket, "create_connection", called.append)
    monkeypatch.setattr(socket.socket, "connect", called.append)
    yield
    assert called == []


@pytest.fixture
def good(key, private_key):
    return make_token(private_key)


@pytest.fixture
def forge(good):
    """Return a function that makes a token with another header or signature."""
    header, claims, signature = good.split(".")

    def make(sign=None, *, claims=claims, raw=None, **changes):
        first = encode(raw if raw else {**decode(header), **changes})
        signed = f"{first}.{claims}"
        return f"{signed}.{encode(sign(signed.encode())) if sign else signature}"

    return make


def nothing(signed):
    return b""


def with_secret(secret, digest=hashlib.sha256):
    return lambda signed: hmac.new(secret, signed, digest).digest()


def test_the_original_token_is_accepted(client, good):
    assert post_session(client, good).status_code == 201


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", ""])
@pytest.mark.parametrize("signed", [True, False], ids=["signed", "unsigned"])
def test_a_token_without_an_algorithm_is_refused(client, forge, alg, signed):
    token = forge(None if signed else nothing, alg=alg)

    assert_token_refused(post_session(client, token), WRONG_VALUE)


def test_a_token_without_its_signature_is_refused(client, forge):
    assert_token_refused(post_session(client, forge(nothing)), NOT_SIGNED)


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512", "RS256"])
@pytest.mark.parametrize(
    "secret",
    [
        pytest.param(lambda key: key.public_key.encode(), id="pem"),
        pytest.param(lambda key: key.public_key.strip().encode(), id="pem-stripped"),
        pytest.param(
            lambda key: load_pem_public_key(key.public_key.encode()).public_bytes(
                Encoding.DER, PublicFormat.SubjectPublicKeyInfo
            ),
            id="der",
        ),
        pytest.param(lambda key: b"", id="empty"),
    ],
)
def test_the_public_key_is_not_accepted_as_a_shared_secret(
    client, key, forge, alg, secret
):
    token = forge(with_secret(secret(key)), alg=alg)

    code = NOT_SIGNED if alg == "RS256" else WRONG_VALUE
    assert_token_refused(post_session(client, token), code)


@pytest.mark.parametrize("alg", ["RS384", "RS512", "PS256", "ES256", "EdDSA", "rs256"])
def test_other_algorithms_are_refused(client, forge, private_key, alg):
    token = forge(private_key.sign, alg=alg)

    assert_token_refused(post_session(client, token), WRONG_VALUE)


@pytest.mark.parametrize(
    "header",
    [
        {"jwk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}},
        {"jku": ELSEWHERE},
        {"x5u": ELSEWHERE},
        {"x5c": ["MIIB"]},
        {"jku": ELSEWHERE, "x5u": ELSEWHERE, "jwk": {"kty": "oct", "k": "AA"}},
    ],
    ids=lambda header: "-".join(header),
)
def test_a_key_inside_the_token_is_not_used(client, forge, other_private_key, header):
    token = forge(other_private_key.sign, **header)

    assert_token_refused(post_session(client, token), NOT_SIGNED)


@pytest.mark.parametrize(
    ("kid", "code"),
    [
        ("../../../../dev/null", "eit_key_malformed"),
        (f"layer:///keys/../keys/{KEY_ID}", "eit_key_malformed"),
        ("file:///etc/passwd", "eit_key_malformed"),
        (ELSEWHERE, "eit_key_malformed"),
        ("' OR '1'='1", "eit_key_malformed"),
        (f"{KID}\n", "eit_key_malformed"),
        (f"{KID}\x00", "eit_key_malformed"),
        (f"{KID} ", "eit_key_malformed"),
        ("", "eit_key_malformed"),
        (f"layer:///providers/{KEY_ID}", "eit_key_malformed"),
        ("layer:///keys/00000000-0000-0000-0000-000000000000", "eit_key_not_found"),
        ([KID], WRONG_TYPE),
        ({"kid": KID}, WRONG_TYPE),
        (0, WRONG_TYPE),
        (None, WRONG_TYPE),
    ],
    ids=ascii,
)
def test_a_key_id_is_not_used_as_a_path_or_url(client, forge, private_key, kid, code):
    token = forge(private_key.sign, kid=kid)

    assert_token_refused(post_session(client, token), code)


@pytest.mark.parametrize("crit", [["exp"], ["b64"], [], None, "exp", ["kid", "jku"]])
def test_extensions_are_refused(client, forge, private_key, crit):
    token = forge(private_key.sign, crit=crit)

    assert_token_refused(post_session(client, token), WRONG_VALUE)


def test_a_payload_that_is_not_encoded_is_refused(client, forge, private_key):
    token = forge(private_key.sign, b64=False)

    assert_token_refused(post_session(client, token), WRONG_VALUE)


@pytest.mark.parametrize(
    "twice",
    [
        '"alg": "none", "alg": "RS256"',
        '"alg": "RS256", "alg": "none"',
        '"alg": "RS256", "\\u0061lg": "RS256"',
    ],
)
def test_a_duplicate_header_name_is_refused(client, forge, private_key, twice):
    rest = f'"typ": "JWT", "cty": "layer-eit;v=1", "kid": "{KID}"'

    token = forge(private_key.sign, raw=f"{{{rest}, {twice}}}")

    assert_token_refused(post_session(client, token), "eit_malformed_json")


def test_a_duplicate_claim_is_refused(client, good, forge, private_key):
    claims = json.dumps(decode(good.split(".")[1]))
    twice = encode(claims.replace("{", '{"prn": "bob", ', 1))

    token = forge(private_key.sign, claims=twice)

    assert_token_refused(post_session(client, token), "eit_malformed_json")


def test_the_signature_of_another_token_is_refused(client, good, private_key):
    other = make_token(private_key, user_id="bob")

    token = ".".join([*other.split(".")[:2], good.split(".")[2]])

    assert_token_refused(post_session(client, token), NOT_SIGNED)


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda token: token + "=", "eit_malformed_base64url"),
        (lambda token: token + "\n", "eit_malformed_base64url"),
        (lambda token: token.replace(".", " . "), "eit_malformed_base64url"),
        (lambda token: token + ".", "eit_wrong_jws_part_count"),
        (lambda token: f"{token}.{token}", "eit_wrong_jws_part_count"),
        (lambda token: {"payload": token}, "eit_wrong_jws_part_count"),
        (lambda token: [token], "eit_wrong_jws_part_count"),
    ],
    ids=["padding", "line-break", "spaces", "fourth-part", "two", "json", "list"],
)
def test_other_serializations_are_refused(client, good, damage, code):
    assert_token_refused(post_session(client, damage(good)), code)


def test_a_refused_token_does_not_use_up_its_nonce(client, good, forge):
    post_session(client, forge(nothing, alg="none"))

    assert post_session(client, good).status_code == 201


def test_no_header_makes_the_token_of_another_key_accepted(
    client, forge, other_private_key
):
    for header in forged_headers():
        token = forge(other_private_key.sign, **header)

        assert post_session(client, token).status_code == 422, header
