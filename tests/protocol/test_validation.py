from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import datetime, timezone

import pytest
from jwt.algorithms import RSAAlgorithm

from django_layer_identity.exceptions import InvalidToken
from django_layer_identity.protocol.validation import (
    KnownKey,
    VerifiedIdentity,
    verify_identity_token,
)

KEY_ID = "layer:///keys/aaaaaaaa-0000-4000-8000-000000000001"
PROVIDER_ID = "layer:///providers/bbbbbbbb-0000-4000-8000-000000000002"
NOW = datetime(2024, 1, 1, 0, 2, tzinfo=timezone.utc)
HEADER = {
    "typ": "JWT",
    "alg": "RS256",
    "cty": "layer-eit;v=1",
    "kid": "layer:///keys/aaaaaaaa-0000-4000-8000-000000000001",
}
CLAIMS = {
    "iss": "layer:///providers/bbbbbbbb-0000-4000-8000-000000000002",
    "prn": "alice",
    "iat": 1_704_067_200,  # 2024-01-01T00:00:00Z
    "exp": 1_704_067_500,  # five minutes later
    "nce": "n+/8==",
}
ABSENT = object()


def encode(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def as_json(defaults, changes):
    merged = {**defaults, **changes}
    kept = {name: value for name, value in merged.items() if value is not ABSENT}
    return json.dumps(kept).encode()


def assemble(header, claims, sign):
    """Join the parts without the code under test."""
    message = f"{encode(header)}.{encode(claims)}"
    return f"{message}.{encode(sign(message.encode()))}"


def make_token(private_key, *, header=(), claims=(), sign=None):
    return assemble(
        as_json(HEADER, dict(header)),
        as_json(CLAIMS, dict(claims)),
        sign or private_key.sign,
    )


def validate(private_key, token, *, now=NOW, **options):
    keys = [KnownKey(KEY_ID, private_key.public_key.pem)]
    options = {"keys": keys, "provider_id": PROVIDER_ID, **options}
    return verify_identity_token(token, now=now, **options)


def refusal(private_key, token, *, now=NOW, **options):
    with pytest.raises(InvalidToken) as caught:
        validate(private_key, token, now=now, **options)
    return caught.value


# What Layer accepts


def test_all_fields_of_a_token_are_returned(private_key):
    assert validate(private_key, make_token(private_key)) == VerifiedIdentity(
        user_id="alice",
        nonce="n+/8==",
        issued_at=datetime(2024, 1, 1, 0, 0, tzinfo=timezone.utc),
        expires_at=datetime(2024, 1, 1, 0, 5, tzinfo=timezone.utc),
        claims=CLAIMS,
    )


def test_all_claims_are_returned(private_key):
    documented = {
        "display_name": "Zoë 東京 😀",
        "first_name": "Zoë",
        "last_name": "Tokyo",
        "avatar_url": "https://example.com/zoe.png",
        "public_key": "opaque",
    }
    token = make_token(private_key, claims=documented)

    assert validate(private_key, token).claims == {**CLAIMS, **documented}


def test_bare_uuids_of_2014_are_accepted(private_key):
    token = make_token(
        private_key,
        header={"kid": "AAAAAAAA-0000-4000-8000-000000000001"},
        claims={"iss": "BBBBBBBB-0000-4000-8000-000000000002"},
    )

    assert validate(private_key, token).user_id == "alice"


def test_unknown_header_fields_and_claims_are_ignored(private_key):
    token = make_token(private_key, header={"jku": "https://x.test"}, claims={"sub": 1})

    assert validate(private_key, token).user_id == "alice"


def test_user_id_of_128_characters_is_accepted(private_key):
    token = make_token(private_key, claims={"prn": "😀" * 128})

    assert validate(private_key, token).user_id == "😀" * 128


def test_repr_shows_neither_nonce_nor_claims(private_key):
    validated = validate(
        private_key, make_token(private_key, claims={"display_name": "Zoë"})
    )

    assert "n+/8==" not in repr(validated)
    assert "Zoë" not in repr(validated)


# Parts, base64url and JSON


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(None, id="none"),
        pytest.param(b"a.b.c", id="bytes"),
        pytest.param({"identity_token": "a.b.c"}, id="object"),
        pytest.param(["a", "b", "c"], id="list"),
        pytest.param(10**5000, id="huge-number"),
    ],
)
def test_token_that_is_not_text_is_refused(private_key, token):
    assert refusal(private_key, token).code == "eit_wrong_jws_part_count"


@pytest.mark.parametrize("token", ["", "a", "a.b", "a.b.c.d", "a.b.c.d.e", "." * 9000])
def test_wrong_number_of_parts_is_refused(private_key, token):
    assert refusal(private_key, token).code == "eit_wrong_jws_part_count"


def test_token_over_the_length_limit_is_refused(private_key):
    token = make_token(private_key, claims={"public_key": "x" * 16_000})

    assert refusal(private_key, token).message == (
        "The identity token is longer than 16384 characters. "
        "Shorten its profile claims."
    )


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda token: f'"{token}"', id="quotes"),
        pytest.param(lambda token: f"b'{token}'", id="python-bytes"),
        pytest.param(lambda token: f"{token}\n", id="line-break"),
        pytest.param(lambda token: f" {token}", id="space"),
        pytest.param(lambda token: f"{token}==", id="padding"),
        pytest.param(lambda token: f"+/{token[2:]}", id="standard-base64"),
        pytest.param(lambda token: f"a{token[:-1]}\udcff", id="lone-surrogate"),
        pytest.param(lambda token: f"é{token}", id="not-ascii"),
        pytest.param(lambda token: "٣" + token, id="digit-of-another-script"),
        pytest.param(lambda token: "AAAAA" + token[token.index(".") :], id="length"),
    ],
)
def test_part_that_is_not_base64url_is_refused(private_key, damage):
    assert (
        refusal(private_key, damage(make_token(private_key))).code
        == "eit_malformed_base64url"
    )


HOSTILE_JSON = [
    pytest.param(b"", id="empty"),
    pytest.param(b"{", id="cut-off"),
    pytest.param(b'"text"', id="text"),
    pytest.param(b"[]", id="list"),
    pytest.param(b"null", id="null"),
    pytest.param(b"[" * 11_000, id="deep"),
    pytest.param(b"[" * 5000 + b"]" * 5000, id="deep-and-closed"),
    pytest.param(b'{"a":"\xff"}', id="not-utf-8"),
    pytest.param(b"\xef\xbb\xbf{}", id="byte-order-mark"),
    pytest.param('{"a":1}'.encode("utf-16"), id="utf-16"),
    pytest.param(b'{"a":1,"a":1}', id="duplicate"),
    pytest.param(b'{"b":{"a":1,"a":1}}', id="duplicate-inside"),
    pytest.param(b'{"a":NaN}', id="not-a-number"),
    pytest.param(b'{"a":-Infinity}', id="infinity"),
    pytest.param(b'{"a":' + b"9" * 5000 + b"}", id="huge-number"),
    pytest.param(b'{"a":"\\ud800"}', id="lone-surrogate"),
    pytest.param(b'{"\\udfff":1}', id="lone-surrogate-in-a-name"),
]


@pytest.mark.parametrize("raw", HOSTILE_JSON)
def test_header_that_is_not_a_json_object_is_refused(private_key, raw):
    token = assemble(raw, as_json(CLAIMS, {}), private_key.sign)

    assert refusal(private_key, token).code == "eit_malformed_json"


@pytest.mark.parametrize("raw", HOSTILE_JSON)
def test_claims_that_are_not_a_json_object_are_refused(private_key, raw):
    token = assemble(as_json(HEADER, {}), raw, private_key.sign)

    assert refusal(private_key, token).code == "eit_malformed_json"


def test_header_is_parsed_before_the_claims(private_key):
    token = assemble(b"{", b"{", private_key.sign)

    assert "header part" in refusal(private_key, token).message


# Header


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("typ", "JWT"),
        ("alg", "RS256"),
        ("cty", "layer-eit;v=1"),
        ("kid", "the key ID, layer:///keys/<uuid>"),
    ],
)
def test_missing_header_field_is_refused(private_key, name, expected):
    error = refusal(private_key, make_token(private_key, header={name: ABSENT}))

    assert error.code == "eit_header_param_not_found"
    assert error.message == (
        f"The token's header lacks the field “{name}”. It must be {expected}."
    )


@pytest.mark.parametrize("name", ["typ", "alg", "cty", "kid"])
@pytest.mark.parametrize("value", [None, 1, True, [], ["RS256"], {}])
def test_header_field_that_is_not_a_string_is_refused(private_key, name, value):
    token = make_token(private_key, header={name: value})

    assert refusal(private_key, token).code == "eit_header_param_wrong_type"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("typ", "JWS", "JWT"),  # what Layer's guides said until June 2015
        ("typ", "jwt", "JWT"),
        ("alg", "RS512", "RS256"),
        ("alg", "PS256", "RS256"),
        ("alg", "", "RS256"),
        ("cty", "layer-eit; v=1", "layer-eit;v=1"),
        ("cty", "JWT", "layer-eit;v=1"),
    ],
)
def test_header_field_with_another_value_is_refused(private_key, name, value, expected):
    error = refusal(private_key, make_token(private_key, header={name: value}))

    assert error.code == "eit_header_param_wrong_value"
    assert error.message.startswith(
        f"The token's header field “{name}” must be {expected}. "
    )


@pytest.mark.parametrize("critical", [["b64"], [], None])
def test_critical_extensions_are_refused(private_key, critical):
    token = make_token(private_key, header={"crit": critical, "b64": False})

    assert refusal(private_key, token).code == "eit_header_param_wrong_value"


@pytest.mark.parametrize(
    "kid",
    [
        "",
        "My first key",
        "layer:///keys/",
        "layer:///providers/aaaaaaaa-0000-4000-8000-000000000001",
        " layer:///keys/aaaaaaaa-0000-4000-8000-000000000001",
        "aaaaaaaa-0000-4000-8000-000000000001\n",
        "\x00",
    ],
)
def test_kid_that_is_not_a_key_id_is_refused(private_key, kid):
    error = refusal(private_key, make_token(private_key, header={"kid": kid}))

    assert error.code == "eit_key_malformed"
    assert "starts with layer:///keys/" in error.message


# Key and signature


def test_token_of_an_unknown_key_is_refused(private_key):
    token = make_token(private_key)

    assert refusal(private_key, token, keys=[]).code == "eit_key_not_found"


@pytest.mark.parametrize(
    ("state", "code"),
    [("revoked", "eit_key_disabled"), ("deleted", "eit_key_deleted")],
)
def test_token_of_a_revoked_or_removed_key_is_refused(private_key, state, code):
    keys = [KnownKey(KEY_ID, private_key.public_key.pem, state=state)]

    assert refusal(private_key, make_token(private_key), keys=keys).code == code


def test_token_of_a_retired_key_is_valid_until_it_expires(private_key):
    keys = [KnownKey(KEY_ID, private_key.public_key.pem, state="retired")]

    identity = validate(private_key, make_token(private_key), keys=keys)

    assert identity.user_id == "alice"


def test_signature_of_another_key_is_refused(private_key, other_private_key):
    token = make_token(other_private_key)

    assert refusal(private_key, token).code == "eit_signature_verification_failed"


@pytest.mark.parametrize("signature", [b"", b"\x00", b"\x00" * 256, b"\xff" * 256])
def test_forged_signature_is_refused(private_key, signature):
    token = make_token(private_key, sign=lambda message: signature)

    assert refusal(private_key, token).code == "eit_signature_verification_failed"


def test_altered_claims_are_refused(private_key):
    header, _, signature = make_token(private_key).split(".")
    claims = encode(as_json(CLAIMS, {"prn": "mallory"}))

    error = refusal(private_key, f"{header}.{claims}.{signature}")

    assert error.code == "eit_signature_verification_failed"


def test_detached_payload_is_refused(private_key):
    token = make_token(private_key, header={"b64": False})

    assert refusal(private_key, token).code == "eit_header_param_wrong_value"


@pytest.mark.parametrize("alg", ["none", "None", "NONE"])
def test_unsigned_token_is_refused(private_key, alg):
    token = make_token(private_key, header={"alg": alg}, sign=lambda message: b"")

    assert refusal(private_key, token).code == "eit_header_param_wrong_value"


@pytest.mark.parametrize(
    ("alg", "code"),
    [
        ("HS256", "eit_header_param_wrong_value"),
        ("RS256", "eit_signature_verification_failed"),
    ],
)
def test_public_key_is_not_accepted_as_an_hmac_secret(private_key, alg, code):
    def sign(message):
        return hmac.digest(private_key.public_key.pem.encode(), message, hashlib.sha256)

    assert (
        refusal(
            private_key, make_token(private_key, header={"alg": alg}, sign=sign)
        ).code
        == code
    )


def test_key_inside_the_token_is_not_trusted(private_key, other_private_key):
    pem = other_private_key.public_key.pem
    loaded = RSAAlgorithm(RSAAlgorithm.SHA256).prepare_key(pem)
    jwk = RSAAlgorithm.to_jwk(loaded, as_dict=True)
    embedded = {"jwk": jwk, "jku": "https://x.test/jwks", "x5c": [pem]}

    error = refusal(private_key, make_token(other_private_key, header=embedded))

    assert error.code == "eit_signature_verification_failed"


def test_signature_is_checked_before_the_claims(private_key, other_private_key):
    token = make_token(other_private_key, claims={"prn": ABSENT})

    assert refusal(private_key, token).code == "eit_signature_verification_failed"


# Claims


@pytest.mark.parametrize("name", ["iss", "prn", "iat", "exp", "nce"])
def test_missing_claim_is_refused(private_key, name):
    error = refusal(private_key, make_token(private_key, claims={name: ABSENT}))

    assert error.code == "eit_claim_not_found"
    assert error.message.startswith(f"The token lacks the claim “{name}”. It must be ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("iss", None),
        ("iss", ["layer:///providers/bbbbbbbb-0000-4000-8000-000000000002"]),
        ("prn", 42),
        ("prn", None),
        ("prn", ["alice"]),
        ("prn", ""),
        ("prn", "x" * 129),
        ("iat", True),
        ("iat", 1_704_067_200.0),
        ("iat", "1704067200"),
        ("iat", "2024-01-01T00:00:00Z"),
        ("exp", True),
        ("exp", 1e300),
        ("exp", None),
        ("nce", None),
        ("nce", {"nonce": "n+/8=="}),
        ("display_name", None),
        ("display_name", "x" * 129),
        ("first_name", 1),
        ("last_name", ["x"]),
        ("avatar_url", "x" * 1025),
        ("public_key", {}),
    ],
)
def test_claim_of_the_wrong_type_is_refused(private_key, name, value):
    error = refusal(private_key, make_token(private_key, claims={name: value}))

    assert error.code == "eit_claim_wrong_type"
    assert error.message.startswith(f"The token's claim “{name}” is invalid. It must ")


@pytest.mark.parametrize(
    "iss",
    [
        "",
        "acme",
        "layer:///provider/bbbbbbbb-0000-4000-8000-000000000002",
        "layer:///keys/bbbbbbbb-0000-4000-8000-000000000002",
        "layer:///providers/bbbbbbbb-0000-4000-8000-000000000002 ",
    ],
)
def test_iss_that_is_not_a_provider_id_is_refused(private_key, iss):
    token = make_token(private_key, claims={"iss": iss})

    assert refusal(private_key, token).code == "eit_provider_not_found"


# Times


@pytest.mark.parametrize("exp", [1_704_067_320, 1_704_067_319, 0, -(10**4000)])
def test_token_at_or_past_its_expiry_is_refused(private_key, exp):
    assert (
        refusal(private_key, make_token(private_key, claims={"exp": exp})).code
        == "eit_expired"
    )


def test_token_is_accepted_until_one_second_before_its_expiry(private_key):
    assert validate(private_key, make_token(private_key, claims={"exp": 1_704_067_321}))


@pytest.mark.parametrize("iat", [1_704_067_321, 1_704_067_200_000, 10**4000])
def test_token_before_its_time_of_issue_is_refused(private_key, iat):
    assert (
        refusal(private_key, make_token(private_key, claims={"iat": iat})).code
        == "eit_not_before"
    )


def test_token_is_accepted_from_its_time_of_issue_on(private_key):
    assert validate(private_key, make_token(private_key, claims={"iat": 1_704_067_320}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("exp", 1_704_067_500_000),
        ("exp", 10**4000),
        ("iat", -(10**12)),
        ("iat", -(10**4000)),
    ],
)
def test_time_outside_the_range_of_datetime_is_refused(private_key, name, value):
    token = make_token(private_key, claims={name: value})

    assert refusal(private_key, token).code == "eit_claim_wrong_type"


# Messages do not show the token


@pytest.mark.parametrize(
    "change",
    [
        {"header": {"typ": "secret"}},
        {"header": {"kid": "secret"}},
        {"claims": {"prn": "secret" * 30}},
        {"claims": {"nce": ["secret"]}},
        {"claims": {"iss": "secret"}},
        {"claims": {"display_name": ["secret"]}},
        {"sign": lambda message: b"secret"},
    ],
)
def test_messages_do_not_show_parts_of_the_token(private_key, change):
    error = refusal(private_key, make_token(private_key, **change))

    assert "secret" not in str(error)


# The caller's provider and nonce


def test_provider_id_may_have_any_accepted_form(private_key):
    bare = PROVIDER_ID.rpartition("/")[2].upper()

    identity = validate(private_key, make_token(private_key), provider_id=bare)

    assert identity.user_id == "alice"


def test_token_of_another_provider_is_refused(private_key):
    other = "layer:///providers/cccccccc-0000-4000-8000-000000000003"

    error = refusal(private_key, make_token(private_key), provider_id=other)

    assert error.code == "eit_provider_not_found"


def test_token_with_the_nonce_of_the_session_is_valid(private_key):
    identity = validate(private_key, make_token(private_key), nonce="n+/8==")

    assert identity.nonce == "n+/8=="


@pytest.mark.parametrize("nonce", ["another", "", "n+/8= "])
def test_token_with_another_nonce_is_refused(private_key, nonce):
    error = refusal(private_key, make_token(private_key), nonce=nonce)

    assert error.code == "eit_nonce_not_found"


@pytest.mark.parametrize("nonce", ["", " ", "x" * 1025, "a\nb"])
def test_a_nonce_that_cannot_be_one_is_refused_without_a_comparison(private_key, nonce):
    error = refusal(private_key, make_token(private_key, claims={"nce": nonce}))

    assert error.code == "eit_nonce_not_found"


def test_claims_cannot_be_changed(private_key):
    with pytest.raises(TypeError):
        validate(private_key, make_token(private_key)).claims["prn"] = "mallory"
