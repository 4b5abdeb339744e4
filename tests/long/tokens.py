"""Explain changed tokens: no exception, and accepted only if PyJWT accepts them too."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import datetime, timezone

import jwt

from django_layer_identity.protocol.explain import explain_token
from django_layer_identity.protocol.known_keys import KnownKey
from tests.fuzz.tokens import change
from tests.key_pairs import load_private_key
from tests.protocol.test_explain import HEADER_FIELDS, HEADER_VALUES
from tests.protocol.test_validation import KEY_ID, NOW, PROVIDER_ID, make_token

NEEDS = ()
COUNT = 100_000  # tokens at scale 1
REQUIRED = ["iss", "prn", "iat", "exp", "nce"]


def run(scale):
    key, other = load_private_key("first"), load_private_key("second")
    known = [KnownKey(KEY_ID, key.public_key.pem, provider_id=PROVIDER_ID)]
    good = make_token(key)
    codes = Counter()
    for number in range(round(COUNT * scale)):
        chance = random.Random(number)  # noqa: S311
        token = change(chance, good)
        if chance.random() < 0.1:  # signed again, so that the claims matter
            token = resign(token, key)
        findings = explain_token(token, keys=known, now=NOW)
        errors = [finding.code for finding in findings if finding.severity == "error"]
        assert errors or is_accepted(token, key.public_key.pem), number
        codes.update(errors or ["accepted"])
        forged = resign(with_random_header(chance, good), other)
        findings = explain_token(forged, keys=known, now=NOW)
        assert any(finding.severity == "error" for finding in findings), number
    yield f"changed tokens: {round(COUNT * scale):,}, exceptions and false accepted: 0"
    yield f"random headers, signed by another key: {round(COUNT * scale):,}, accepted: 0"
    yield f"  errors by code: {dict(codes.most_common())}"


def with_random_header(chance, token):
    """Add or change one to three fields of the token's header."""
    header, claims, _ = token.split(".")
    fields = json.loads(jwt.utils.base64url_decode(header))
    for _ in range(chance.randint(1, 3)):
        fields[chance.choice(HEADER_FIELDS)] = chance.choice(HEADER_VALUES)
    encoded = jwt.utils.base64url_encode(json.dumps(fields).encode()).decode()
    return f"{encoded}.{claims}."


def resign(token, key):
    signed = token.rpartition(".")[0]
    signature = jwt.utils.base64url_encode(key.sign(signed.encode("latin-1")))
    return f"{signed}.{signature.decode()}"


def is_accepted(token, pem):
    """Return what another verifier says: PyJWT for the form, the signature and times."""
    claims = jwt.decode(
        token,
        pem,
        algorithms=["RS256"],
        options={"require": REQUIRED, "verify_exp": False, "verify_iat": False},
    )
    header = json.loads(jwt.utils.base64url_decode(token.split(".")[0]))
    now = datetime.timestamp(NOW.astimezone(timezone.utc))
    return (
        header["typ"] == "JWT"
        and header["cty"] == "layer-eit;v=1"
        and claims["iss"] == PROVIDER_ID
        and claims["iat"] <= now < claims["exp"]
        and isinstance(claims["prn"], str)
        and 0 < len(claims["prn"]) <= 128
    )
