"""Invalid bodies: each gets a clear refusal, never a server error."""

from __future__ import annotations

import pytest
from django.http.request import RawPostDataException

from tests.endpoint import (
    BASE64,
    FORM,
    JSON,
    MULTIPART,
    URL,
    multipart,
    parse_error,
    part,
    phone_of,
    read,
)

NOT_JSON = "The body is not valid JSON."
NO_OBJECT = "The body is not a JSON object."
TOO_DEEP = "The JSON is nested too deeply."
HALF = "The JSON has a lone surrogate (half a character)."
TWICE = "The JSON has a duplicate name."
NOT_UTF_8 = "The body is not valid UTF-8."
NOT_PERCENT_ENCODED = "The form is not percent-encoded UTF-8."
MALFORMED = "The multipart body is malformed."


@pytest.fixture
def phone(key, alice):
    return phone_of(alice)


def nested(opening, closing, depth):
    return f'{{"nonce": "abc", "x": {opening * depth}1{closing * depth}}}'


def reads_post(get_response):
    """A middleware that reads the form before the view."""

    def middleware(request):
        assert request.POST is not None
        return get_response(request)

    return middleware


def reads_body(get_response):
    """A middleware that consumes the body."""

    def middleware(request):
        assert request.read()
        return get_response(request)

    return middleware


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        pytest.param("{", NOT_JSON, id="cut-off"),
        pytest.param("nonce=abc", NOT_JSON, id="a-form"),
        pytest.param('{"nonce": "abc"} {}', NOT_JSON, id="more-after-it"),
        pytest.param('{"nonce": "a\nb"}', NOT_JSON, id="raw-line-break"),
        pytest.param("{'nonce': 'abc'}", NOT_JSON, id="single-quotes"),
        pytest.param('\ufeff\ufeff{"nonce": "abc"}', NOT_JSON, id="two-marks"),
        pytest.param('{"nonce": NaN}', NOT_JSON, id="nan"),
        pytest.param('{"nonce": "abc", "x": -Infinity}', NOT_JSON, id="infinity"),
        pytest.param('{"x": ' + "1" * 5000 + "}", NOT_JSON, id="huge-integer"),
        pytest.param("[]", NO_OBJECT, id="list"),
        pytest.param('"abc"', NO_OBJECT, id="string"),
        pytest.param("null", NO_OBJECT, id="null"),
        pytest.param("17", NO_OBJECT, id="number"),
        pytest.param(nested("[", "]", 20), TOO_DEEP, id="20-lists-deep"),
        pytest.param(nested("[", "]", 1000), TOO_DEEP, id="1000-lists-deep"),
        pytest.param(nested('{"x":', "}", 1000), TOO_DEEP, id="1000-objects-deep"),
        pytest.param(nested("[", "]", 8000), TOO_DEEP, id="8000-lists-deep"),
        pytest.param('{"nonce": "abc", "x": 1, "x": 1}', TWICE, id="name-twice"),
        pytest.param('{"x": [{"\\ud800": 1, "\\ud800": 1}]}', TWICE, id="twice-inside"),
        pytest.param('{"nonce": "\\ud800"}', HALF, id="lone-surrogate"),
        pytest.param('{"\\udc00": "abc"}', HALF, id="lone-surrogate-as-name"),
        pytest.param('{"x": [{"y": "\\ud800"}]}', HALF, id="lone-surrogate-inside"),
        pytest.param(b'{"nonce": "\xff"}', NOT_UTF_8, id="not-utf-8"),
        pytest.param(b'{"nonce": "\xed\xa0\x80"}', NOT_UTF_8, id="encoded-surrogate"),
        pytest.param('{"nonce": "abc"}'.encode("utf-16"), NOT_UTF_8, id="utf-16"),
    ],
)
def test_malformed_json_is_refused(phone, body, detail):
    response = phone.generic("POST", URL, body, JSON)

    assert read(response) == parse_error(detail)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param('\ufeff{"nonce": "abc"}', JSON, id="json"),
        pytest.param("\ufeffnonce=abc", FORM, id="form"),
        pytest.param(
            "\ufeff" + multipart(part("name=nonce", "abc")), MULTIPART, id="multipart"
        ),
    ],
)
def test_a_byte_order_mark_before_the_body_is_accepted(phone, body, content_type):
    response = phone.generic("POST", URL, body.encode(), content_type)

    assert read(response)[0] == 200


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        pytest.param(b"nonce=\xff", NOT_UTF_8, id="not-utf-8"),
        pytest.param("nonce=%ff", NOT_PERCENT_ENCODED, id="percent-encoded-byte"),
        pytest.param("%ff=abc", NOT_PERCENT_ENCODED, id="percent-encoded-name"),
        pytest.param("x=%ED%A0%80", NOT_PERCENT_ENCODED, id="surrogate"),
    ],
)
def test_a_malformed_form_is_refused(phone, body, detail):
    response = phone.generic("POST", URL, body, FORM)

    assert read(response) == parse_error(detail)


@pytest.mark.parametrize(
    ("body", "content_type", "detail"),
    [
        pytest.param("x", "multipart/form-data", MALFORMED, id="no-boundary"),
        pytest.param(
            "x", "multipart/form-data; boundary=é", MALFORMED, id="bad-boundary"
        ),
        pytest.param(
            multipart(part("name=x; filename=f", "A", BASE64)),
            MULTIPART,
            MALFORMED,
            id="bad-base64",
        ),
        pytest.param(
            multipart(part("name=x", "/w==", BASE64)),
            MULTIPART,
            "A part of the multipart body is not valid UTF-8.",
            id="not-utf-8-in-base64",
        ),
        pytest.param(
            multipart(*[part("name=x", "")] * 4), MULTIPART, MALFORMED, id="many-fields"
        ),
        pytest.param(b"--b\xff", MULTIPART, NOT_UTF_8, id="not-utf-8"),
        *(
            pytest.param(multipart(one), MULTIPART, MALFORMED, id=f"rfc-2231-{number}")
            for number, one in enumerate(
                [
                    part("name*; name*0", ""),
                    part("name=nonce; x*; x*1", "abc"),
                    part("name*0=a; name*=b", ""),
                    part("name=nonce", "abc", "X: y; x*; x*0"),
                ]
            )
        ),
    ],
)
def test_a_malformed_multipart_body_is_refused(
    settings, phone, body, content_type, detail
):
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 3

    response = phone.generic("POST", URL, body, content_type)

    assert read(response) == parse_error(detail)


def test_a_part_in_base64_is_decoded(phone):
    body = multipart(part("name=nonce", "4pyT", BASE64))

    response = phone.generic("POST", URL, body, MULTIPART)

    assert read(response)[0] == 200


@pytest.mark.parametrize("name", ["nonce", "app_id", "user_id"])
@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        pytest.param(JSON, '{{"{0}": "abc", "{0}": "abc"}}', id="json"),
        pytest.param(JSON, '{{"{0}": "abc", "\\u{1}": "abc"}}', id="json-escaped"),
        pytest.param(FORM, "{0}=abc&{0}=abc", id="form"),
        pytest.param(
            MULTIPART, multipart(*[part("name={0}", "abc")] * 2), id="multipart"
        ),
        pytest.param(
            MULTIPART,
            multipart(part("name={0}", "a"), part("name={0}; filename=f", "b")),
            id="value-and-file",
        ),
    ],
)
def test_a_parameter_sent_twice_is_refused(phone, content_type, body, name):
    escaped = f"{ord(name[0]):04x}{name[1:]}"

    response = phone.generic("POST", URL, body.format(name, escaped), content_type)

    assert read(response) == parse_error(f"The parameter “{name}” was sent twice.")


def test_a_form_may_have_other_parameters_twice(phone):
    response = phone.generic("POST", URL, "nonce=abc&tag=a&tag=b", FORM)

    assert read(response)[0] == 200


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        pytest.param(FORM, "nonce={0}&nonce={0}", id="form"),
        pytest.param(
            MULTIPART, multipart(*[part("name=nonce", "{0}")] * 2), id="multipart"
        ),
    ],
)
def test_a_middleware_that_reads_the_form_first_changes_nothing(
    settings, phone, content_type, body
):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.api.test_bodies.reads_post"]

    twice = phone.generic("POST", URL, body.format("abc"), content_type)
    assert read(twice) == parse_error("The parameter “nonce” was sent twice.")

    once = body.format("abc").replace("nonce", "x", 1)
    assert read(phone.generic("POST", URL, once, content_type))[0] == 200


def test_a_middleware_that_consumes_the_body_causes_a_server_error(settings, phone):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.api.test_bodies.reads_body"]

    with pytest.raises(RawPostDataException):
        phone.generic("POST", URL, "{}", JSON)
