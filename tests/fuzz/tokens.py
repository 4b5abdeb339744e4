"""Send changed identity tokens to the sandbox."""

from __future__ import annotations

import base64
import json
import random
from collections import Counter

from django.contrib.auth.models import User
from django.test import Client

from django_layer_identity.issuing import issue_identity_token
from django_layer_identity.sandbox import state
from tests.fuzz.wire import mutate
from tests.sandbox.layer import ACCEPT, post_session

HEADER = [  # headers that deceived other token libraries
    {"alg": "none"},
    {"alg": "HS256"},
    {"alg": "rs256"},
    {"jku": "http://127.0.0.1/keys"},
    {"jwk": {"kty": "oct", "k": ""}},
    {"x5u": "http://127.0.0.1/cert"},
    {"x5c": [""]},
    {"crit": ["exp"]},
    {"b64": False, "crit": ["b64"]},
    {"kid": "../../dev/null"},
    {"kid": "layer:///keys/' OR 1=1 --"},
    {"kid": None},
    {"typ": 1},
]
CLAIMS = [
    {"prn": "bob"},
    {"prn": 1},
    {"exp": 10**400},
    {"exp": 1e400},
    {"iat": -(10**30)},
    {"exp": True},
    {"nce": ""},
    {"iss": "layer:///providers/x"},
    {"display_name": "x" * 500},
    {"metadata": {"a": [[[]]]}},
]


def run(project, numbers):
    """Try the inputs of these numbers; return how often each code was the answer."""
    client, answers = Client(headers={"accept": ACCEPT}), Counter()
    good = fresh()
    for number in numbers:
        token = change(random.Random(number), good)  # noqa: S311
        response = post_session(client, token)
        if response.status_code == 201:
            assert is_unchanged(token, good), number
            answers["accepted, because unchanged"] += 1
            good = fresh()
        else:
            assert response.status_code in (400, 422), number
            answers[response.json()["data"].get("code", "no JSON")] += 1
    return answers


def fresh():
    """Return a token that the sandbox accepts."""
    return issue_identity_token(User.objects.get(), state.create_nonce()).token


def change(chance, token):
    """Return the token with changed bytes, or with a changed header or claim."""
    parts = token.split(".")
    how = chance.randrange(4)
    if how == 0:
        text = mutate(chance, token.encode(), chance.choice([1, 1, 2]))
        return text.decode("latin-1")
    if how == 1:
        at = chance.randrange(3)
        parts[at] = _encode(mutate(chance, _decode(parts[at]), 1))
        return ".".join(parts)
    at = how - 2
    changes = chance.choice([HEADER, CLAIMS][at])
    parts[at] = _encode(
        json.dumps({**json.loads(_decode(parts[at])), **changes}).encode()
    )
    if chance.random() < 0.3:
        parts[2] = ""
    return ".".join(parts)


def is_unchanged(token, good):
    """Return whether only unused bits at the end of the signature's Base64 differ."""
    signed, _, signature = token.rpartition(".")
    expected, _, original = good.rpartition(".")
    return signed == expected and _decode(signature) == _decode(original)


def _decode(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
