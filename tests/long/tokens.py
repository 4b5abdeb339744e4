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
from tests.protocol.test_validation import KEY_ID, NOW, PROVIDER_ID, make_token

NEEDS = ()
COUNT = 100_000  # tokens at scale 1
REQUIRED = ["iss", "prn", "iat", "exp", "nce"]


def run(scale):
    key = load_private_key("first")
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
    yield f"changed tokens: {round(COUNT * scale):,}, exceptions and false accepted: 0"
    yield f"  errors by code: {dict(codes.most_common())}"


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
