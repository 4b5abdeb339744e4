"""Generated text is parsed, or refused with the documented error."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timezone
from pathlib import Path
from random import Random
from urllib.parse import urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from django_layer_identity.exceptions import (
    InvalidIdentifier,
    InvalidKey,
    InvalidToken,
    Refusal,
)
from django_layer_identity.keys.reading import read_private_key
from django_layer_identity.protocol.claims import check_nonce
from django_layer_identity.protocol.identifiers import AppID, KeyID, ProviderID
from django_layer_identity.protocol.validation import KnownKey, verify_identity_token
from tests.endpoint import FORM, JSON, MULTIPART, multipart, part
from tests.fuzz.wire import TOKENS, mutate

pytestmark = pytest.mark.slow

VECTORS = Path(__file__).parents[1] / "vectors"
PEM = (VECTORS / "private_key.pem").read_bytes()
PUBLIC_PEM = (VECTORS / "public_key.pem").read_text()
UUID = "aaaaaaaa-0000-4000-8000-000000000001"
NOW = datetime(2026, 11, 25, tzinfo=timezone.utc)
KEYS = [KnownKey(UUID, PUBLIC_PEM, provider_id=UUID)]

many = settings(max_examples=100)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.sampled_from(["RS256", "none", "JWT", "layer-eit;v=1", f"layer:///keys/{UUID}"]),
)
json_values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=10,
)
finite_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.floats(0, 1)),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=10,
)
headers = st.fixed_dictionaries(
    {"typ": st.just("JWT"), "alg": st.just("RS256"), "cty": st.just("layer-eit;v=1")},
    optional={
        "kid": st.one_of(scalars, st.just(f"layer:///keys/{UUID}")),
        "crit": json_values,
        "b64": json_values,
        "jwk": json_values,
    },
)
claims = st.dictionaries(
    st.sampled_from(["iss", "prn", "iat", "exp", "nce", "display_name", "x"]),
    json_values,
)
identifiers = st.one_of(
    st.text(),
    st.builds(
        "{}{}{}".format,
        st.sampled_from(["", "layer:///apps/staging/", "layer:///keys/", "LAYER:///"]),
        st.sampled_from([UUID, UUID.upper(), UUID[:-1], f"{{{UUID}}}", UUID + "\n"]),
        st.one_of(st.just(""), st.text(max_size=3)),
    ),
)


def encode(value):
    text = json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def attempt(function, text, error):
    """Return the result and None, or None and the documented error."""
    try:
        return function(text), None
    except error as exc:
        return None, exc


def is_refused(token):
    with pytest.raises(InvalidToken) as caught:
        verify_identity_token(token, keys=KEYS, provider_id=UUID, now=NOW)
    return caught.value.code.startswith(("eit_", "layer_identity_"))


@many
@pytest.mark.parametrize("kind", [AppID, KeyID, ProviderID])
@given(text=st.one_of(identifiers, json_values))
@example(text=UUID)
@example(text="aaaaaaaa-0000-4000-8000-00000000000１")
def test_an_identifier_is_parsed_unambiguously_or_refused(kind, text):
    parsed, error = attempt(kind.parse, text, InvalidIdentifier)

    if error is None:
        assert kind.parse(str(parsed)) == parsed
    assert str(error).isprintable()


@many
@given(nonce=json_values)
@example(nonce="abc")
@example(nonce="\ud800")
def test_a_nonce_is_accepted_unchanged_or_refused(nonce):
    read, refusal = attempt(check_nonce, nonce, Refusal)

    if refusal is None:
        assert read is nonce
    else:
        empty = nonce is None or nonce == ""
        assert refusal.code == ("nonce_missing" if empty else "nonce_invalid")


@many
@given(token=st.one_of(st.text(), json_values, st.text("ab.-_=").map(lambda t: t * 9)))
def test_text_is_refused_as_a_token(token):
    assert is_refused(token)


@many
@given(header=headers, payload=claims, signature=st.binary(max_size=300))
def test_a_token_of_the_right_shape_is_refused_without_its_signature(
    header, payload, signature
):
    tail = base64.urlsafe_b64encode(signature).rstrip(b"=").decode()

    assert is_refused(f"{encode(header)}.{encode(payload)}.{tail}")


@many
@given(first=st.binary(), second=st.binary())
def test_bytes_are_refused_as_a_token(first, second):
    parts = [
        base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (first, second)
    ]

    assert is_refused(".".join([*parts, "AAAA"]))


@many
@given(data=st.one_of(st.text(), st.binary()))
def test_text_is_refused_as_a_private_key(data):
    with pytest.raises(InvalidKey) as caught:
        read_private_key(data)

    assert str(caught.value).isprintable()


@many
@example(number=1, times=0)  # no damage
@given(number=st.integers(min_value=0), times=st.integers(1, 4))
@pytest.mark.parametrize("form", ["pem", "der"])
def test_a_damaged_private_key_is_read_as_the_same_key_or_refused(form, number, times):
    whole = PEM if form == "pem" else base64.b64decode(b"".join(PEM.splitlines()[1:-1]))
    damaged = mutate(Random(number), whole, times)  # noqa: S311
    key, error = attempt(read_private_key, damaged, InvalidKey)

    if error is None:
        assert key.public_key.pem == PUBLIC_PEM
    assert str(error).isprintable()


@pytest.fixture(scope="module")
def parse():
    """Return a function that parses a body like the view."""
    from django.test import RequestFactory
    from rest_framework.request import Request

    from django_layer_identity.api.base import JSONOnlyNegotiation
    from django_layer_identity.api.parsers import read_body
    from django_layer_identity.api.views import IdentityTokenView

    parsers = [parser() for parser in IdentityTokenView.parser_classes]

    def read(content_type, body):
        request = Request(
            RequestFactory().generic("POST", "/", body, content_type),
            parsers=parsers,
            negotiator=JSONOnlyNegotiation(),
        )
        return read_body(request), request.data

    return read


chunks = st.lists(
    st.one_of(st.sampled_from(TOKENS), st.binary(max_size=5), st.just(b"nonce=a&")),
    max_size=20,
).map(b"".join)


@many
@given(content_type=st.sampled_from([JSON, FORM, MULTIPART, "text/plain"]), body=chunks)
def test_a_body_is_parsed_or_refused(parse, content_type, body):
    refusal, data = parse(content_type, body)

    if refusal is not None:
        assert dict(data) == {}
    assert all(isinstance(name, str) for name in data)


@many
@given(value=st.dictionaries(st.text(), finite_json))
def test_json_is_parsed_exactly(parse, value):
    body = json.dumps(value, ensure_ascii=False).encode()
    refusal, data = parse(JSON, body)

    assert (refusal, data) == (None, json.loads(body))


@many
@given(pairs=st.dictionaries(st.text("abc✓ +%&=\x00"), st.text(), max_size=5))
def test_a_form_is_parsed_exactly(parse, pairs):
    refusal, data = parse(FORM, urlencode(pairs).encode())

    assert (refusal, dict(data.items())) == (None, pairs)


@many
@given(value=st.text().filter(lambda text: "\r\n--b" not in text))
def test_a_part_is_parsed_exactly(parse, value):
    refusal, data = parse(MULTIPART, multipart(part("name=x", value)).encode())

    assert (refusal, data.get("x")) == (None, value)
