"""Every problem of a token is found, with Layer's code, and nothing else is reported."""

from __future__ import annotations

import hashlib
import hmac
import json
import pickle
import sys
from datetime import datetime, timezone

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from django_layer_identity.exceptions import (
    InvalidIdentifier,
    InvalidKey,
    InvalidToken,
)
from django_layer_identity.protocol.explain import (
    LAYER_CODES,
    MAX_TOKEN_LENGTH,
    Finding,
    Inspection,
    explain_token,
)
from django_layer_identity.protocol.known_keys import KnownKey
from django_layer_identity.protocol.validation import accept, verify_identity_token
from tests.key_pairs import load_private_key
from tests.protocol.test_validation import (
    ABSENT,
    CLAIMS,
    HEADER,
    KEY_ID,
    NOW,
    PROVIDER_ID,
    as_json,
    assemble,
    encode,
    make_token,
)

APP = "layer:///apps/production/cccccccc-0000-4000-8000-000000000003"
STAGING = "layer:///apps/staging/dddddddd-0000-4000-8000-000000000004"
UNKNOWN_APP = "layer:///apps/staging/99999999-0000-4000-8000-000000000009"
OTHER_PROVIDER = "layer:///providers/eeeeeeee-0000-4000-8000-000000000005"
OTHER_KEY_ID = "layer:///keys/ffffffff-0000-4000-8000-000000000006"
UNKNOWN_ID = "layer:///keys/99999999-0000-4000-8000-000000000009"

KEY, OTHER = load_private_key("first"), load_private_key("second")
KNOWN = KnownKey(KEY_ID, KEY.public_key.pem, APP, PROVIDER_ID)
KNOWN_OTHER = KnownKey(OTHER_KEY_ID, OTHER.public_key.pem, STAGING, OTHER_PROVIDER)
KEYS = [KNOWN, KNOWN_OTHER]
PARTS, BASE64, JSON = (
    "eit_wrong_jws_part_count",
    "eit_malformed_base64url",
    "eit_malformed_json",
)
HEADER_VALUE, SIGNATURE = (
    "eit_header_param_wrong_value",
    "eit_signature_verification_failed",
)
CLAIM_TYPE, NO_KEY, NO_NONCE = (
    "eit_claim_wrong_type",
    "eit_key_not_found",
    "eit_nonce_not_found",
)
EXPIRED, EARLY = "eit_expired", "eit_not_before"
NO_PROVIDER, NOT_BOUND = "eit_provider_not_found", "eit_provider_not_bound_to_app"
GOOD = make_token(KEY)
ELLIPTIC = (
    ec.generate_private_key(ec.SECP256R1())
    .public_key()
    .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    .decode()
)
NONCE = CLAIMS["nce"]


def raw(header=None, claims=None, *, key=KEY):
    """Return a token of these bytes, signed."""
    return assemble(
        as_json(HEADER, {}) if header is None else header,
        as_json(CLAIMS, {}) if claims is None else claims,
        key.sign,
    )


def change(header=(), key=KEY, **claims):
    return make_token(key, header=header, claims=claims)


def state(name):
    return [KnownKey(KEY_ID, KEY.public_key.pem, APP, PROVIDER_ID, name)]


def standard_base64(token):
    header, claims, signature = token.split(".")
    signature = signature.translate(str.maketrans("-_", "+/"))
    return f"{header}.{claims}.{signature}=="


def sign_with_hmac(message):
    return hmac.digest(KEY.public_key.pem.encode(), message, hashlib.sha256)


# Layer's own samples (see "times and expiry" of the protocol): each made tokens its way.
SECONDS = 1_704_067_320  # NOW
SAMPLES = {
    "php-milliseconds": change(iat=SECONDS * 1000, exp=SECONDS * 1000 + 120_000),
    "php-120-added-to-milliseconds": change(
        iat=SECONDS * 1000, exp=SECONDS * 1000 + 120
    ),
    "python-local-time-in-india": change(iat=SECONDS + 19_800, exp=SECONDS + 19_830),
    "csharp-local-time-in-new-york": change(iat=SECONDS - 18_000, exp=SECONDS - 14_400),
    "go-seconds-field-of-the-clock": change(iat=0, exp=59),
    "node-10000-seconds": change(iat=SECONDS, exp=SECONDS + 10_000),
    "ruby-14-days": change(iat=SECONDS, exp=SECONDS + 14 * 86_400),
    "scala-30-days": change(iat=SECONDS, exp=SECONDS + 30 * 86_400),
    "go-72-hours": change(iat=SECONDS, exp=SECONDS + 72 * 3600),
    "java-60-seconds": change(iat=SECONDS, exp=SECONDS + 60),
    "guides-until-june-2015": change({"typ": "JWS"}),
    "old-library-typ-twice": raw(
        as_json(HEADER, {}).replace(b'{"typ"', b'{"typ": "JWS", "typ"')
    ),
    "rails-2018-null-claims": change(first_name=None, last_name=None),
    "parse-key-name": change({"kid": "My key"}),
    "token-service-without-user-and-nonce": change(prn="", nce=None),
    "integer-user-id": change(prn=42),
    "bare-uuids-of-2014": change(
        {"kid": KEY_ID.rpartition("/")[2]}, iss=PROVIDER_ID.rpartition("/")[2]
    ),
}
TABLE = [
    # name, token, options, codes in the order of the findings
    ("good", GOOD, {}, []),
    ("good-with-nonce-and-app", GOOD, {"nonce": NONCE, "app": APP}, []),
    ("php-milliseconds", SAMPLES["php-milliseconds"], {}, [EARLY, CLAIM_TYPE]),
    (
        "php-120-added-to-milliseconds",
        SAMPLES["php-120-added-to-milliseconds"],
        {},
        [EARLY, CLAIM_TYPE],
    ),
    ("python-local-time", SAMPLES["python-local-time-in-india"], {}, [EARLY]),
    ("csharp-local-time", SAMPLES["csharp-local-time-in-new-york"], {}, [EXPIRED]),
    ("go-clock-field", SAMPLES["go-seconds-field-of-the-clock"], {}, [EXPIRED]),
    ("node-10000-seconds", SAMPLES["node-10000-seconds"], {}, []),
    ("ruby-14-days", SAMPLES["ruby-14-days"], {}, ["layer_identity_long_lifetime"]),
    ("scala-30-days", SAMPLES["scala-30-days"], {}, ["layer_identity_long_lifetime"]),
    ("go-72-hours", SAMPLES["go-72-hours"], {}, ["layer_identity_long_lifetime"]),
    ("java-60-seconds", SAMPLES["java-60-seconds"], {}, []),
    ("typ-jws", SAMPLES["guides-until-june-2015"], {}, [HEADER_VALUE]),
    ("typ-twice", SAMPLES["old-library-typ-twice"], {}, [JSON]),
    ("null-claims", SAMPLES["rails-2018-null-claims"], {}, [CLAIM_TYPE, CLAIM_TYPE]),
    ("key-name", SAMPLES["parse-key-name"], {}, ["eit_key_malformed"]),
    (
        "no-user-and-nonce",
        SAMPLES["token-service-without-user-and-nonce"],
        {},
        [CLAIM_TYPE, CLAIM_TYPE],
    ),
    ("integer-user-id", SAMPLES["integer-user-id"], {}, [CLAIM_TYPE]),
    ("bare-uuids", SAMPLES["bare-uuids-of-2014"], {}, []),
    # What was pasted
    ("quotes", f'"{GOOD}"', {}, [BASE64]),
    ("single-quotes", f"'{GOOD}'", {}, [BASE64]),
    ("typographic-quotes", f"“{GOOD}”", {}, [BASE64]),
    ("python-bytes", f"b'{GOOD}'", {}, [BASE64]),
    ("line-break", f"{GOOD}\n", {}, [BASE64]),
    ("bearer", f"Bearer {GOOD}", {}, [BASE64]),
    ("authorization-header", f"Authorization: Bearer {GOOD}", {}, [BASE64]),
    ("form-field", f"identity_token={GOOD}", {}, [BASE64]),
    ("form-body", f"nonce=x&layer_identity_token={GOOD}&app=1", {}, [BASE64]),
    ("byte-order-mark", f"\ufeff{GOOD}", {}, [BASE64]),
    (
        "json-in-an-envelope",
        json.dumps({"status": 1, "data": {"identity_token": GOOD}}),
        {},
        [BASE64],
    ),
    (
        "json-two-levels-deep",
        json.dumps({"data": {"data": {"identity_token": GOOD}}}),
        {},
        [BASE64, BASE64],
    ),
    ("json-object", json.dumps({"identity_token": GOOD}), {}, [BASE64]),
    (
        "json-object-with-dots",
        json.dumps({"layer_identity_token": GOOD, "x": "a.b"}),
        {},
        [PARTS],
    ),
    ("json-in-quotes", f"'{json.dumps({'token': GOOD})}'", {}, [BASE64, BASE64]),
    ("json-object-without-token", '{"code":"app_unknown"}', {}, [PARTS]),
    ("not-json", "{", {}, [PARTS]),
    ("html-page", "<!doctype html><title>Error</title>", {}, [PARTS]),
    ("six-wrappings", '"' * 6 + GOOD + '"' * 6, {}, [BASE64] * 7),
    ("bytes", GOOD.encode(), {}, [PARTS]),
    ("nothing", None, {}, [PARTS]),
    ("empty", "", {}, [PARTS]),
    ("too-long", "a" * (MAX_TOKEN_LENGTH + 1), {}, ["layer_identity_token_too_long"]),
    # Parts
    ("two-parts", GOOD.rpartition(".")[0], {}, [PARTS]),
    ("five-parts", "a.b.c.d.e", {}, [PARTS]),
    ("standard-base64", standard_base64(GOOD), {}, [BASE64]),
    ("equals-sign-inside", GOOD[:60] + "=" + GOOD[60:], {}, [BASE64]),
    ("cut-off", GOOD[:-2] + "ä", {}, [BASE64]),
    ("one-character-too-few", GOOD[:-1], {}, [BASE64]),
    ("header-not-json", raw(b"{"), {}, [JSON]),
    ("header-is-a-list", raw(b"[]"), {}, [JSON]),
    ("claims-not-utf-8", raw(claims=b'{"a":"\xff"}'), {}, [JSON]),
    ("claims-too-deep", raw(claims=b"[" * 5000), {}, [JSON]),
    ("name-twice-and-then-garbage", raw(claims=b'{"a":{"b":1,"b":1}'), {}, [JSON]),
    # Header
    ("alg-none", change({"alg": "none"}), {}, [HEADER_VALUE]),
    (
        "alg-hs256-with-the-public-key",
        make_token(KEY, header={"alg": "HS256"}, sign=sign_with_hmac),
        {},
        [HEADER_VALUE],
    ),
    ("cty-missing", change({"cty": ABSENT}), {}, ["eit_header_param_not_found"]),
    ("typ-null", change({"typ": None}), {}, ["eit_header_param_wrong_type"]),
    (
        "three-header-fields-wrong",
        change({"typ": "jwt", "cty": 1, "alg": ABSENT}),
        {},
        [HEADER_VALUE, "eit_header_param_not_found", "eit_header_param_wrong_type"],
    ),
    ("crit", change({"crit": ["exp"]}), {}, [HEADER_VALUE]),
    ("b64-false", change({"b64": False}), {}, [HEADER_VALUE]),
    ("b64-true", change({"b64": True}), {}, [HEADER_VALUE]),
    ("b64-null", change({"b64": None}), {}, [HEADER_VALUE]),
    ("b64-true-wrong-key", change({"b64": True}, key=OTHER), {}, [HEADER_VALUE]),
    ("jku", change({"jku": "http://x.test/"}), {}, ["layer_identity_header_ignored"]),
    ("kid-missing", change({"kid": ABSENT}), {}, ["eit_header_param_not_found"]),
    ("kid-unknown", change({"kid": UNKNOWN_ID}), {}, [NO_KEY]),
    ("kid-is-a-provider-id", change({"kid": PROVIDER_ID}), {}, ["eit_key_malformed"]),
    (
        "kid-is-the-uuid-of-the-provider",
        change({"kid": PROVIDER_ID.rpartition("/")[2]}),
        {},
        [NO_KEY],
    ),
    (
        "kid-is-the-uuid-of-the-app",
        change({"kid": APP.rpartition("/")[2]}),
        {},
        [NO_KEY],
    ),
    # Keys
    ("key-revoked", GOOD, {"keys": state("revoked")}, ["eit_key_disabled"]),
    ("key-deleted", GOOD, {"keys": state("deleted")}, ["eit_key_deleted"]),
    ("key-retired", GOOD, {"keys": state("retired")}, ["layer_identity_key_retired"]),
    ("no-keys", GOOD, {"keys": []}, [NO_KEY]),
    (
        "key-of-another-app",
        change({"kid": OTHER_KEY_ID}, key=OTHER, iss=OTHER_PROVIDER),
        {"app": APP},
        ["layer_identity_key_of_other_app", NOT_BOUND],
    ),
    ("signed-by-another-known-key", change(key=OTHER), {}, [SIGNATURE]),
    (
        "claims-changed",
        GOOD.replace(GOOD.split(".")[1], encode(as_json(CLAIMS, {"prn": "mallory"}))),
        {},
        [SIGNATURE],
    ),
    ("signature-empty", GOOD.rpartition(".")[0] + ".", {}, [SIGNATURE]),
    # Claims
    ("prn-missing", change(prn=ABSENT, sub="alice"), {}, ["eit_claim_not_found"]),
    ("nce-missing", change(nce=ABSENT, nonce="x"), {}, ["eit_claim_not_found"]),
    ("prn-too-long", change(prn="x" * 129), {}, [CLAIM_TYPE]),
    ("prn-none", change(prn="None"), {}, ["layer_identity_user_id"]),
    ("iat-as-text", change(iat="2024-01-01T00:00:00Z"), {}, [CLAIM_TYPE]),
    ("exp-float", change(exp=1e300), {}, [CLAIM_TYPE]),
    ("exp-huge", change(exp=10**4000), {}, [CLAIM_TYPE]),
    ("iat-huge", change(iat=10**4000), {}, [EARLY]),
    ("iat-before-all-times", change(iat=-(10**4000)), {}, [CLAIM_TYPE]),
    ("exp-in-milliseconds", change(exp=1_704_067_500_000), {}, [CLAIM_TYPE]),
    ("display-name-too-long", change(display_name="x" * 129), {}, [CLAIM_TYPE]),
    (
        "metadata-nested",
        change(metadata={"a": {}}),
        {},
        ["layer_identity_profile_claim"],
    ),
    ("phone-number-fine", change(phone_number="+31201234567"), {}, []),
    (
        "expired-and-early",
        change(iat=SECONDS + 5, exp=SECONDS - 5),
        {},
        [EXPIRED, EARLY],
    ),
    # Providers
    ("iss-null", change(iss=None), {}, [CLAIM_TYPE]),
    (
        "provider-not-known",
        GOOD,
        {"keys": [KnownKey(KEY_ID, KEY.public_key.pem, APP)], "app": APP},
        [],
    ),
    ("iss-not-an-id", change(iss="acme"), {}, [NO_PROVIDER]),
    ("iss-is-a-key-id", change(iss=KEY_ID), {}, [NO_PROVIDER]),
    (
        "iss-unknown",
        change(iss="99999999-0000-4000-8000-000000000009"),
        {},
        [NO_PROVIDER],
    ),
    ("iss-of-another-app", change(iss=OTHER_PROVIDER), {"app": APP}, [NOT_BOUND]),
    (
        "app-without-known-keys",
        GOOD,
        {"app": UNKNOWN_APP},
        ["layer_identity_key_of_other_app", "layer_identity_provider_not_compared"],
    ),
    (
        "app-with-keys-of-two-providers",
        GOOD,
        {
            "keys": [KNOWN, KnownKey("", OTHER.public_key.pem, APP, OTHER_PROVIDER)],
            "app": APP,
        },
        ["layer_identity_provider_not_compared"],
    ),
    ("iss-and-kid-differ", change(iss=OTHER_PROVIDER), {}, [NO_KEY]),
    # Nonces
    ("another-nonce", GOOD, {"nonce": "another"}, [NO_NONCE]),
    ("lost-plus", change(nce="n /8=="), {"nonce": NONCE}, [NO_NONCE]),
    (
        "lost-plus-without-nonce",
        change(nce="n /8=="),
        {},
        ["layer_identity_nonce_has_space"],
    ),
    ("nonce-empty", change(nce=""), {}, [NO_NONCE]),
    ("nonce-too-long", change(nce="x" * 1025), {}, [NO_NONCE]),
    ("nonce-nested", change(nce={"nonce": NONCE}), {}, [CLAIM_TYPE]),
    # Encoding
    (
        "raw-utf-8",
        raw(claims=json.dumps({**CLAIMS, "prn": "zoë"}, ensure_ascii=False).encode()),
        {},
        ["layer_identity_not_ascii"],
    ),
    # Several at once
    (
        "all-at-once",
        f'"{change({"typ": "JWS", "kid": "My key"}, key=OTHER, prn=1, exp=1, nce="a b")}"',
        {"nonce": "a+b"},
        [BASE64, HEADER_VALUE, "eit_key_malformed", CLAIM_TYPE, EXPIRED, NO_NONCE],
    ),
]


def explain(token, *, keys=KEYS, now=NOW, **options):
    return explain_token(token, keys=keys, now=now, **options)


def hint(token, **options):
    [finding] = explain(token, **options)
    return finding.hint


@pytest.mark.parametrize(
    ("token", "options", "codes"),
    [pytest.param(*row[1:], id=row[0]) for row in TABLE],
)
def test_a_token_has_exactly_these_findings(token, options, codes):
    assert [finding.code for finding in explain(token, **options)] == codes


def test_the_table_has_at_least_50_broken_tokens():
    assert len([codes for *_, codes in TABLE if codes]) >= 50


@pytest.mark.parametrize("row", TABLE, ids=[row[0] for row in TABLE])
def test_a_code_of_layer_is_an_error_and_ours_is_a_warning(row):
    for finding in explain(row[1], **row[2]):
        is_layers = finding.code in LAYER_CODES
        too_long = finding.code == "layer_identity_token_too_long"
        assert finding.severity == ("error" if is_layers or too_long else "warning")
        assert finding.message.endswith(".")
        assert finding.hint.endswith(".")


def test_layers_nineteen_codes_and_the_alias_are_known():
    assert len(LAYER_CODES) == 20


def test_each_code_that_does_not_depend_on_layers_own_records_is_in_the_table():
    found = {code for *_, codes in TABLE for code in codes}

    assert set(LAYER_CODES) - found == {"eit_user_suspended", "eit_user_blacklisted"}


def test_a_finding_has_a_message_and_a_hint():
    assert explain(change({"typ": "JWS"})) == [
        Finding(
            "eit_header_param_wrong_value",
            "error",
            "The token's header field “typ” must be JWT.",
            "Layer's guides said JWS until June 2015, and JWT since then.",
        )
    ]


def test_the_key_that_signed_is_named_if_kid_names_another():
    assert hint(change(key=OTHER)) == (
        f"The token was signed by {OTHER_KEY_ID} of the app {STAGING} (active)."
    )


def test_the_key_that_signed_is_named_if_kid_is_a_name():
    assert hint(SAMPLES["parse-key-name"]).endswith(
        f" The token was signed by {KEY_ID} of the app {APP} (active)."
    )


def test_a_key_without_an_id_can_be_the_one_that_signed():
    draft = KnownKey("", OTHER.public_key.pem, state="draft")

    assert hint(change(key=OTHER), keys=[KNOWN, draft]) == (
        "The token was signed by a key without a key ID (draft)."
    )


def test_local_time_is_recognized():
    assert hint(SAMPLES["python-local-time-in-india"]).endswith(
        "The “iat” differs from now by about 5 hours 30 minutes, like a time zone: a "
        "new token with this difference contains local time instead of UTC."
    )


def test_another_difference_is_not_called_local_time():
    assert "time zone" not in hint(change(iat=SECONDS + 1000, exp=SECONDS + 2000))


def test_milliseconds_are_recognized():
    hints = [finding.hint for finding in explain(SAMPLES["php-milliseconds"])]

    assert all(text.startswith("The time is in milliseconds") for text in hints)


@pytest.mark.parametrize(
    ("past", "text"),
    [
        (1, "by 1 second."),
        (61, "by 1 minute 1 second."),
        (9000, "by 2 hours 30 minutes."),
        (14 * 86_400, "by 14 days."),
        (10**12, "by thousands of years."),
    ],
)
def test_it_says_how_long_ago_a_token_expired(past, text):
    [finding] = explain(change(iat=-(10**11), exp=SECONDS - past))[:1]

    assert finding.message.endswith(text)


def test_a_lost_plus_is_named():
    assert hint(change(nce="n /8=="), nonce=NONCE).startswith("A plus sign was lost")


@pytest.mark.parametrize(
    ("token", "messages"),
    [
        (
            f"Authorization: Bearer {GOOD}",
            ["There is the name of an authentication scheme before the token."],
        ),
        (
            f"\ufeff{GOOD}",
            ["There is a byte order mark before the token."],
        ),
        (
            f"x=1&identity_token={GOOD}",
            ["This is a form body or a query string, not the token."],
        ),
        (
            json.dumps({"data": {"token": GOOD}}),
            ["This is the whole response of your server, not the token."],
        ),
    ],
    ids=["header", "byte-order-mark", "form", "envelope"],
)
def test_what_was_pasted_around_the_token_is_named(token, messages):
    assert [finding.message for finding in explain(token)] == messages


def test_only_equals_signs_at_the_end_are_padding():
    header, rest = GOOD.split(".", 1)

    assert hint(f"{header}=.{rest}").startswith("It is standard base64")
    assert hint(f"{header[:8]}={header[8:]}.{rest}").startswith("Look for characters")


def test_the_name_of_other_tokens_is_named():
    assert hint(change(prn=ABSENT, sub="alice")).endswith(
        "The token has “sub” instead: Layer reads “prn”."
    )


def test_an_app_id_must_be_valid():
    with pytest.raises(InvalidIdentifier):
        explain(GOOD, app="layer:///apps/test")


def test_the_present_is_the_default_time():
    [finding] = explain_token(GOOD, keys=KEYS)

    assert finding.code == "eit_expired"


@pytest.mark.parametrize("row", TABLE, ids=[row[0] for row in TABLE])
def test_findings_show_neither_signature_nor_nonce_nor_user_id(row):
    text = str(explain(row[1], **row[2]))

    assert GOOD[-40:] not in text
    assert NONCE not in text
    assert "alice" not in text


@pytest.mark.parametrize(
    "make",
    [
        lambda n: "a" * n,
        lambda n: "." * n,
        lambda n: '"' * n,
        lambda n: "b'" * (n // 2),
        lambda n: " " * n,
        lambda n: "{" * n,
        lambda n: "Bearer " * (n // 7),
        lambda n: "&identity_token=" * (n // 16),
        lambda n: "{" + '"a":{},' * (n // 7) + '"b":1}',
        lambda n: raw(claims=b'{"a":"' + b"x" * (n // 2) + b'"}'),
        lambda n: raw(claims=b"[" * (n // 2)),
        lambda n: raw(b'{"a":' + b"9" * (n // 8) + b"}"),
    ],
    ids=[
        "a",
        "dots",
        "quotes",
        "bytes",
        "spaces",
        "braces",
        "bearer",
        "form",
        "objects",
        "claims",
        "deep",
        "digits",
    ],
)
def test_the_work_does_not_grow_faster_than_the_token(make):
    short, long = make(4000), make(8000)

    assert count_lines(explain, long) <= 2.2 * count_lines(explain, short) + 200


def count_lines(function, *args):
    """Count the lines of Python code that a call runs."""
    lines = 0

    def trace(frame, event, arg):  # pragma: no cover  # it replaces the measurement
        nonlocal lines
        lines += event == "line"
        return trace

    outer = sys.gettrace()  # that of the coverage measurement
    sys.settrace(trace)
    try:
        function(*args)
    finally:
        sys.settrace(outer)
    return lines


def test_known_keys_are_compared_in_one_form():
    known = KnownKey(
        KEY_ID.rpartition("/")[2].upper(), KEY.public_key.pem, provider_id=PROVIDER_ID
    )

    assert (known.key_id, known.app_id) == (KEY_ID, "")


def test_a_known_key_must_have_valid_ids():
    with pytest.raises(InvalidIdentifier):
        KnownKey("My key", KEY.public_key.pem)


def test_of_equal_keys_the_revoked_one_counts():
    keys = [KNOWN, *state("revoked")]

    assert [finding.code for finding in explain(GOOD, keys=keys)] == [
        "eit_key_disabled"
    ]


def test_the_key_of_the_app_counts_first():
    revoked = KnownKey(KEY_ID, KEY.public_key.pem, STAGING, PROVIDER_ID, "revoked")

    assert explain(GOOD, keys=[revoked, KNOWN], app=APP) == []


@pytest.mark.parametrize(
    "pem",
    ["-----BEGIN PUBLIC KEY-----", "", None, ELLIPTIC],
    ids=["damaged", "empty", "none", "elliptic"],
)
def test_a_known_key_must_be_an_rsa_public_key(pem):
    with pytest.raises(InvalidKey):
        KnownKey(KEY_ID, pem)


def test_a_known_key_must_have_a_state_of_the_lifecycle():
    with pytest.raises(ValueError, match="one of draft, ready, active, retired"):
        KnownKey(KEY_ID, KEY.public_key.pem, state="Revoked")


def test_known_keys_can_be_compared_copied_and_pickled():
    same = KnownKey(KEY_ID, KEY.public_key.pem, APP, PROVIDER_ID)
    stored = pickle.loads(pickle.dumps(same))  # noqa: S301

    assert KNOWN == same == stored
    assert hash(KNOWN) == hash(stored)
    assert explain(GOOD, keys=[stored]) == []


def test_the_public_key_of_a_known_key_is_read_once(monkeypatch):
    known = KnownKey(KEY_ID, KEY.public_key.pem)
    for module in ("jwt.algorithms", "django_layer_identity.protocol.known_keys"):
        monkeypatch.setattr(f"{module}.load_pem_public_key", None)

    assert explain(GOOD, keys=[known]) == []


# Nothing in the header replaces the signature

HEADER_FIELDS = (
    *("b64", "crit", "jwk", "jku", "kid", "x5u", "x5c", "x5t", "x5t#S256", "zip"),
    *("enc", "epk", "p2c", "p2s", "apu", "alg", "typ", "cty", "url", "nonce", "iss"),
)
HEADER_VALUES = (
    *(None, True, False, 0, 1, -1, 1.5, "", "none", "RS256", "HS256", "JWT"),
    *(
        [],
        ["b64"],
        ["exp"],
        {},
        {"kty": "oct", "k": ""},
        KEY_ID,
        "DEF",
        "https://x.test",
    ),
)


def forged_headers():
    """Return headers with one field changed, and some with two."""
    for name in HEADER_FIELDS:
        for value in HEADER_VALUES:
            yield {name: value}
            yield {name: value, "b64": True}
            yield {name: value, "b64": False, "crit": ["b64"]}


def test_no_header_makes_a_token_of_another_key_accepted():
    for header in forged_headers():
        token = change(header, key=OTHER)

        errors = [f.code for f in explain(token, keys=[KNOWN]) if f.severity == "error"]
        assert errors, header
        with pytest.raises(InvalidToken):
            verify_identity_token(token, keys=[KNOWN], provider_id=PROVIDER_ID, now=NOW)


@pytest.mark.parametrize("row", TABLE, ids=[row[0] for row in TABLE])
def test_without_a_verified_signature_there_is_an_error(row):
    inspection = Inspection(row[1], keys=tuple(row[2].get("keys", KEYS)), now=NOW)

    has_error = any(finding.severity == "error" for finding in inspection.run())

    assert inspection.is_verified or has_error


def test_a_signature_that_nobody_verified_is_refused_whatever_the_findings(monkeypatch):
    monkeypatch.setattr(Inspection, "run", lambda self: iter([]))

    with pytest.raises(InvalidToken) as caught:
        accept(Inspection(GOOD, keys=(KNOWN,), now=NOW))

    assert caught.value.code == SIGNATURE


def test_a_second_run_verifies_again():
    inspection = Inspection(GOOD, keys=(KNOWN,), now=NOW)
    list(inspection.run())
    inspection.token = change(key=OTHER)

    assert SIGNATURE in [finding.code for finding in inspection.run()]
    assert not inspection.is_verified


def test_a_key_without_an_app_is_not_of_another_app():
    known = KnownKey(KEY_ID, KEY.public_key.pem, provider_id=PROVIDER_ID)

    codes = [finding.code for finding in explain(GOOD, keys=[known], app=APP)]

    assert "layer_identity_key_of_other_app" not in codes


def test_times_are_compared_with_now():
    later = datetime(2024, 1, 1, 0, 5, tzinfo=timezone.utc)

    assert [finding.code for finding in explain(GOOD, now=later)] == [EXPIRED]
