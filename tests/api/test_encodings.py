"""The charset, length, media type and encoding of a body."""

from __future__ import annotations

import gc
import json
from io import BytesIO

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.core.handlers.asgi import ASGIRequest
from django.test import AsyncClient, RequestFactory
from rest_framework.parsers import JSONParser
from rest_framework.test import force_authenticate

from django_layer_identity.api.views import IdentityTokenView
from django_layer_identity.exceptions import BodyMalformed
from tests.endpoint import (
    FORM,
    JSON,
    MULTIPART,
    NONCE,
    URL,
    decode,
    multipart,
    not_authenticated,
    parse_error,
    part,
    phone_of,
    read,
    refusal,
)

CHARSET = "The body's charset must be UTF-8."
LENGTH_REQUIRED = refusal(
    411, "length_required", "Send the body with a Content-Length, not in chunks."
)
TOO_LARGE = refusal(413, "body_too_large", "The body must not be larger than 16 KiB.")
UNSUPPORTED = refusal(
    415,
    "unsupported_media_type",
    "Send application/json, a form or multipart/form-data, and no Content-Encoding.",
)


@pytest.fixture
def phone(key, alice):
    return phone_of(alice)


class UnreadableStream(BytesIO):
    """A body that must not be read."""

    read = readline = None


class ClosedStream(BytesIO):
    """A connection that was closed too early."""

    def read(self, *args):
        raise OSError("connection reset")


@pytest.mark.parametrize(
    ("content_type", "charset"),
    [
        (JSON, "no-such-charset"),
        (JSON, "utf-16"),
        (JSON, "iso-8859-1"),
        (JSON, "utf-8-sig"),
        (FORM, "utf-7"),
        (MULTIPART, "no-such-charset"),
        # Python codecs that are not text encodings, are slow, or raise other errors.
        *(
            (content_type, codec)
            for content_type in (JSON, FORM, MULTIPART)
            for codec in (
                *("base64", "bz2_codec", "hex", "quopri", "rot13", "uu", "zlib_codec"),
                *(
                    "idna",
                    "punycode",
                    "raw_unicode_escape",
                    "undefined",
                    "unicode_escape",
                ),
                *("utf-8 utf-8", "../utf-8", "x" * 4000),
            )
        ),
    ],
)
def test_the_charset_must_be_utf_8(phone, content_type, charset):
    typed = f"{content_type}; charset={charset}"

    response = phone.generic("POST", URL, '{"nonce": "abc"}', typed)

    assert read(response) == parse_error(CHARSET)


@pytest.mark.parametrize("charset", ["utf-8", "UTF8", '"utf-8"', "'utf-8'", "us-ascii"])
@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        pytest.param(JSON, '{"nonce": "東京"}', id="json"),
        pytest.param(FORM, "nonce=東京", id="form"),
        pytest.param(MULTIPART, multipart(part("name=nonce", "東京")), id="multipart"),
    ],
)
def test_utf_8_is_accepted_under_all_its_names(phone, key, content_type, body, charset):
    response = phone.generic("POST", URL, body, f"{content_type}; charset={charset}")

    status, answer = read(response)
    assert status == 200
    assert decode(answer["identity_token"], key)["nce"] == "東京"


def test_a_percent_encoded_charset_is_decoded(phone):
    typed = f"{JSON}; charset*=us-ascii'en'zlib%5Fcodec"

    response = phone.generic("POST", URL, '{"nonce": "abc"}', typed)

    assert read(response) == parse_error(CHARSET)


@pytest.mark.parametrize("parameter", ["charset=", 'charset="UTF-8"; x=y', "x=y"])
def test_other_parameters_of_a_content_type_do_not_matter(phone, parameter):
    response = phone.generic("POST", URL, '{"nonce": "abc"}', f"{JSON}; {parameter}")

    assert read(response)[0] == 200


@pytest.mark.parametrize(
    ("address", "parameter"),
    [
        pytest.param(URL, "charset*=bogus''utf-8", id="encoded-parameter"),
        pytest.param(URL, "charset=utf-8\x00", id="nul"),
        pytest.param(f"{URL}?x=%80", "charset=zlib_codec", id="codec"),
        pytest.param(f"{URL}?{'&' * 1000}", "charset=utf-8", id="long-query"),
    ],
)
def test_a_request_that_django_cannot_parse_is_left_to_django(
    phone, address, parameter
):
    with pytest.raises((LookupError, ValueError, SuspiciousOperation, BadRequest)):
        phone.generic("POST", address, "{}", f"{JSON}; {parameter}")


def test_an_incomplete_body_is_refused(phone):
    response = phone.generic("POST", URL, "{}", JSON, **{"wsgi.input": ClosedStream()})

    assert read(response) == parse_error(
        "The body could not be parsed. Send JSON or a form, in UTF-8."
    )


def test_a_body_that_is_too_large_for_django_is_refused(settings, phone):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10

    response = phone.generic("POST", URL, '{"nonce": "abc"}', JSON)

    assert read(response) == parse_error(
        "The body could not be parsed. Send JSON or a form, in UTF-8."
    )


def test_a_refused_body_is_freed_immediately(phone):
    gc.collect()
    gc.disable()
    try:
        phone.generic("POST", URL, "{", JSON)
        kept = [one for one in gc.get_objects() if type(one) is BodyMalformed]
    finally:
        gc.enable()

    assert kept == []  # its traceback would keep the body too


def test_a_parser_of_drf_may_be_used_instead(key, alice):
    view = IdentityTokenView.as_view(parser_classes=[JSONParser])
    request = RequestFactory().post(URL, "{", JSON)
    force_authenticate(request, alice)

    response = view(request).render()

    assert read(response) == parse_error(
        "The body could not be parsed. Send JSON or a form, in UTF-8."
    )


def test_at_most_16_kib_are_read(phone):
    body = json.dumps({"nonce": NONCE}).ljust(16_384)

    assert read(phone.generic("POST", URL, body, JSON))[0] == 200
    assert read(phone.generic("POST", URL, f"{body} ", JSON)) == TOO_LARGE


@pytest.mark.parametrize("length", [17_408, 100_000, 10**15, "+17408", "17_408"])
@pytest.mark.parametrize("content_type", [JSON, FORM, MULTIPART, "text/plain"])
def test_a_large_body_is_refused_unread(phone, length, content_type):
    response = phone.generic(
        "POST",
        URL,
        "x",
        content_type,
        CONTENT_LENGTH=str(length),
        **{"wsgi.input": UnreadableStream()},
    )

    assert read(response) == TOO_LARGE


def test_100_000_levels_are_too_large_before_they_are_too_deep(phone):
    response = phone.generic("POST", URL, "[" * 100_000 + "]" * 100_000, JSON)

    assert read(response) == TOO_LARGE


@pytest.mark.parametrize("content_type", [JSON, FORM, MULTIPART, "text/plain"])
@pytest.mark.parametrize("length", [{}, {"CONTENT_LENGTH": ""}], ids=["none", "empty"])
def test_a_body_in_chunks_needs_a_length(phone, content_type, length):
    response = phone.generic(
        "POST",
        URL,
        content_type=content_type,
        headers={"Transfer-Encoding": "chunked"},
        **{"wsgi.input": UnreadableStream(), **length},
    )

    assert read(response) == LENGTH_REQUIRED


def test_a_length_beside_chunks_is_enough(phone):
    headers = {"Transfer-Encoding": "chunked"}

    response = phone.generic("POST", URL, '{"nonce": "abc"}', JSON, headers=headers)

    assert read(response)[0] == 200


@pytest.mark.parametrize("length", ["", "none"])
def test_a_body_without_a_length_is_empty(phone, length):
    response = phone.generic(
        "POST",
        URL,
        "x",
        JSON,
        CONTENT_LENGTH=length,
        **{"wsgi.input": UnreadableStream()},
    )

    assert read(response)[1]["code"] == "nonce_missing"


def test_a_request_without_credentials_works_under_asgi(db):
    response = async_to_sync(AsyncClient().post)(URL, '{"nonce": "abc"}', JSON)

    assert read(response) == not_authenticated()


def test_an_endless_body_under_asgi_is_never_read(key, alice):
    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": URL, "headers": headers}
    request = ASGIRequest(scope, UnreadableStream())
    force_authenticate(request, alice)

    response = IdentityTokenView.as_view()(request)

    assert read(response.render())[1]["code"] == "nonce_missing"


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/xml",
        "application/vnd.layer+json",
        "application/x-json",
        "application/*",
        "*/*",
        "nonsense",
        "",
    ],
)
def test_other_media_types_are_refused(phone, content_type):
    response = phone.generic("POST", URL, '{"nonce": "abc"}', content_type)

    assert read(response) == UNSUPPORTED


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "BR", "identity, gzip", ""])
@pytest.mark.parametrize("content_type", [JSON, FORM, MULTIPART])
def test_encoded_bodies_are_refused(phone, content_type, encoding):
    headers = {"Content-Encoding": encoding}

    response = phone.generic("POST", URL, "x", content_type, headers=headers)

    assert read(response) == UNSUPPORTED


def test_the_identity_encoding_is_accepted(phone):
    headers = {"Content-Encoding": "Identity"}

    response = phone.generic("POST", URL, '{"nonce": "abc"}', JSON, headers=headers)

    assert read(response)[0] == 200
