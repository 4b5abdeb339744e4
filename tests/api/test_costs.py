"""
The cost of a refusal: a bounded number of calls, for full bodies and headers.

A normal request takes about 5,000 calls. A body of more than 16 KiB is refused before it
is read, and servers accept headers of up to 8 KiB.
"""

from __future__ import annotations

import pytest

from tests.endpoint import (
    BASE64,
    FORM,
    JSON,
    MULTIPART,
    NONCE,
    URL,
    multipart,
    part,
    phone_of,
    read,
)
from tests.work import count_calls

LIMIT = 500_000  # calls; the most expensive of these needs half as many
ROOM = 16 * 1024  # characters in a body
HEADER = 8 * 1024  # characters in a header, with gunicorn and nginx
WIDE = "e28h"  # punycode of an emoji: the rest takes four bytes per character


def full(text, end=""):
    """Repeat the text until the body is full."""
    return text * ((ROOM - len(end)) // len(text)) + end


def parts(*headers, disposition="name=x"):
    one = part(disposition, "", *headers)
    return multipart(*[one] * ((ROOM - 7) // len(one)))


BODIES = [
    pytest.param(FORM, full("&"), id="form-of-separators"),
    pytest.param(FORM, full("a&"), id="form-of-names"),
    pytest.param(FORM, full("%41&"), id="form-of-escapes"),
    pytest.param(FORM, f"nonce={full('%')[:16_000]}", id="form-of-percent-signs"),
    pytest.param(FORM, "&".join(map(str, range(3300))), id="form-of-other-names"),
    pytest.param(FORM, "a&" * 300_000, id="form-too-long"),
    pytest.param(MULTIPART, parts(), id="parts"),
    pytest.param(MULTIPART, parts(disposition="name=x;filename=f"), id="files"),
    pytest.param(MULTIPART, parts(BASE64), id="parts-in-base64"),
    pytest.param(MULTIPART, full("--b\r\n"), id="boundaries"),
    pytest.param(MULTIPART, part("name=x", full("\r\n-")), id="almost-boundaries"),
    pytest.param(
        MULTIPART, part("name=x;filename=f", full("A \n")[:16_000], BASE64), id="spaces"
    ),
    pytest.param(MULTIPART, part("name=x" + ";a=b" * 4000, ""), id="many-attributes"),
    pytest.param(
        MULTIPART, part(f"name*=punycode''{WIDE}{'a' * 900}", ""), id="punycode-name"
    ),
    pytest.param(JSON, full("["), id="depth"),
    pytest.param(JSON, full('{"a":'), id="depth-of-objects"),
    pytest.param(JSON, f'{{"a":[{"[]," * 5400}1]}}', id="breadth"),
    pytest.param(JSON, f'{{"a":[{"{}," * 5400}1]}}', id="breadth-of-objects"),
    pytest.param(JSON, f'{{"nonce": {"9" * 4300}}}', id="integer"),
    pytest.param(JSON, f'{{"nonce": {"9" * 16_000}.0e-9}}', id="float"),
    pytest.param(JSON, '{"nonce": "' + "\\u0041" * 2700 + '"}', id="escapes"),
    pytest.param(JSON, full(" "), id="spaces-alone"),
    pytest.param(f"{JSON}; charset=punycode", WIDE + "a" * 600_000, id="punycode"),
    pytest.param(f"{JSON}; charset=punycode", WIDE + "a" * 16_000, id="16-kib"),
    pytest.param(f"{FORM}; charset=idna", full("xn--a."), id="idna"),
    pytest.param(f"{FORM}; charset=utf-7", full("+AAA-"), id="utf-7"),
    pytest.param(f"{JSON}; charset=zlib_codec", "x\x9c" * 100, id="zlib"),
]
HEADERS = [
    pytest.param(JSON + ";" * HEADER, id="separators"),
    pytest.param(f"{JSON}{';a=b' * (HEADER // 4)}", id="attributes"),
    pytest.param(f"{JSON}; charset={'x' * HEADER}", id="charset"),
    pytest.param(f"{JSON}; charset*=punycode''{WIDE}{'a' * HEADER}", id="punycode"),
    pytest.param(f'{MULTIPART}; x="{chr(92) * HEADER}"', id="backslashes"),
    pytest.param(f"multipart/form-data; boundary={'-' * HEADER}", id="boundary"),
]


def cost(client, body, content_type):
    """Return the number of function calls of a refused request."""
    response, calls = count_calls(client.generic, "POST", URL, body, content_type)
    assert 400 <= read(response)[0] < 500
    return calls.total()


@pytest.fixture
def phone(key, alice):
    client = phone_of(alice)
    client.post(URL, {"nonce": NONCE}, format="json")  # fill imports and caches
    return client


@pytest.mark.parametrize(("content_type", "body"), BODIES)
def test_a_hostile_body_costs_little(phone, content_type, body):
    assert cost(phone, body, content_type) < LIMIT


@pytest.mark.parametrize("content_type", HEADERS)
def test_a_hostile_content_type_costs_little(phone, content_type):
    assert cost(phone, '{"nonce": ""}', content_type) < LIMIT


def test_a_request_without_credentials_costs_little(client, db):
    assert cost(client, full("a&"), FORM) < LIMIT
