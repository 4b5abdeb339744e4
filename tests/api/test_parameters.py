"""The parameters ``nonce``, ``app_id`` and ``user_id``, valid and invalid."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from django_layer_identity.models import LayerApp, SigningKey
from tests.conftest import PROVIDER_ID
from tests.endpoint import (
    FORM,
    JSON,
    NONCE,
    URL,
    ask,
    configure,
    decode,
    phone_of,
    read,
    refusal,
)

NONCE_MISSING = (
    "The nonce is missing. Send Layer's nonce in the top-level parameter “nonce”."
)
NO_STRING = "The nonce must be a string."
CONTROLS = "The nonce must not contain control characters."
LOST_PLUS = "The nonce has a space: percent-encode “+” as %2B in a form body."
SEVERAL = "Several Layer apps are enabled: name one in the parameter “app_id”."
APP_UNKNOWN = refusal(
    404, "app_unknown", "No enabled Layer app has this app ID. Correct “app_id”."
)
MISMATCH = refusal(
    403,
    "user_id_mismatch",
    "The “user_id” sent is not the Layer user ID of the logged-in user. Deauthenticate from Layer first.",
    user_id="alice",
)
NO_STRING_AS_USER_ID = refusal(
    400,
    "parse_error",
    "The parameter “user_id” must be a string.",
    fields={"user_id": ["The parameter “user_id” must be a string."]},
)
OTHER_APP_ID = UUID("aaaaaaaa-0000-4000-8000-000000000009")


def nonce_missing(*remarks):
    fields = {"nonce": [NONCE_MISSING, *remarks]}
    return refusal(400, "nonce_missing", NONCE_MISSING, fields=fields)


def nonce_invalid(detail):
    return refusal(400, "nonce_invalid", detail, fields={"nonce": [detail]})


@pytest.fixture
def other_app(db):
    return LayerApp.objects.create(
        name="Test",
        app_id=OTHER_APP_ID,
        environment="staging",
        provider_id=PROVIDER_ID,
    )


@pytest.mark.parametrize(
    ("body", "content_type", "answer"),
    [
        pytest.param("", JSON, nonce_missing(), id="no-body"),
        pytest.param("", "", nonce_missing(), id="no-body-and-no-type"),
        pytest.param("{}", JSON, nonce_missing(), id="empty-object"),
        pytest.param("&", FORM, nonce_missing(), id="empty-form"),
        pytest.param('{"nonce": null}', JSON, nonce_missing(), id="null"),
        pytest.param('{"nonce": ""}', JSON, nonce_missing(), id="empty"),
        pytest.param("nonce=", FORM, nonce_missing(), id="empty-in-form"),
        pytest.param(
            '{"data": {"nonce": "abc"}, "user_id": "alice"}',
            JSON,
            nonce_missing("The top level of the body has: data, user_id."),
            id="nested",
        ),
        pytest.param(
            json.dumps({"\x00<b>" + "n" * 50: 1, **dict.fromkeys("abcdefgh")}),
            JSON,
            nonce_missing(
                f"The top level of the body has: \x00<b>{'n' * 36}, a, b, c, d, e, f, g."
            ),
            id="long-and-many",
        ),
        pytest.param(
            '{"nonce": "abc"}',
            FORM,
            nonce_missing(
                "The body is JSON, but its Content-Type is not application/json."
            ),
            id="json-sent-as-form",
        ),
    ],
)
def test_a_missing_nonce_is_reported_with_the_received_names(
    key, alice, body, content_type, answer
):
    response = phone_of(alice).generic("POST", URL, body, content_type)

    assert read(response) == answer


@pytest.mark.parametrize(
    ("nonce", "detail"),
    [
        (17, NO_STRING),
        (0, NO_STRING),
        (1.5, NO_STRING),
        (True, NO_STRING),
        (False, NO_STRING),
        (["abc"], NO_STRING),
        ([], NO_STRING),
        ({"nonce": "abc"}, NO_STRING),
        pytest.param(10**4000, NO_STRING, id="huge-integer"),
        pytest.param(
            "x" * 1025,
            "The nonce must have at most 1024 characters.",
            id="1025-characters",
        ),
        ("a\nb", CONTROLS),
        ("abc\x00", CONTROLS),
        ("\x7f", CONTROLS),
        ("a\x85b", CONTROLS),
        (" \u2003 ", "The nonce must not be blank."),
    ],
)
def test_an_invalid_nonce_is_refused(key, alice, nonce, detail):
    assert read(ask(alice, nonce=nonce)) == nonce_invalid(detail)


def test_a_huge_number_is_not_a_nonce(key, alice):
    response = phone_of(alice).generic("POST", URL, '{"nonce": 1e999}', JSON)

    assert read(response) == nonce_invalid(NO_STRING)


def test_a_file_is_not_a_nonce(key, alice):
    upload = SimpleUploadedFile("nonce", b"abc")

    response = phone_of(alice).post(URL, {"nonce": upload}, format="multipart")

    assert read(response) == nonce_invalid(NO_STRING)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        pytest.param(f"nonce={NONCE}", LOST_PLUS, id="plus-not-encoded"),
        pytest.param("nonce=a%20b", LOST_PLUS, id="space"),
        pytest.param("nonce=abc%00", CONTROLS, id="nul"),
    ],
)
def test_an_invalid_nonce_in_a_form_is_refused(key, alice, body, detail):
    response = phone_of(alice).generic("POST", URL, body, FORM)

    assert read(response) == nonce_invalid(detail)


@pytest.mark.parametrize("app_id", [None, ""])
def test_with_several_apps_an_app_id_is_required(key, alice, other_app, app_id):
    answer = refusal(400, "app_id_required", SEVERAL, fields={"app_id": [SEVERAL]})

    assert read(ask(alice, nonce=NONCE, app_id=app_id)) == answer


def test_a_disabled_app_does_not_require_an_app_id(key, alice, other_app):
    LayerApp.objects.filter(pk=other_app.pk).update(enabled=False)

    assert read(ask(alice, nonce=NONCE))[0] == 200


@pytest.mark.parametrize(
    "app_id",
    [
        "aaaaaaaa-0000-4000-8000-00000000000f",
        "aaaaaaaa-0000-4000-8000-000000000009",
        "layer:///apps/production/aaaaaaaa-0000-4000-8000-000000000009",
        "layer:///apps/staging/aaaaaaaa-0000-4000-8000-000000000001",
        "layer:///apps/Production/aaaaaaaa-0000-4000-8000-000000000001",
        "layer:///apps/aaaaaaaa-0000-4000-8000-000000000001",
        "layer:///providers/bbbbbbbb-0000-4000-8000-000000000002",
        "bbbbbbbb-0000-4000-8000-000000000002",
        "aaaaaaaa000040008000000000000001",
        "{aaaaaaaa-0000-4000-8000-000000000001}",
        " aaaaaaaa-0000-4000-8000-000000000001",
        "aaaaaaaa-0000-4000-8000-000000000001\n",
        "aaaaaaaa-0000-4000-8000-00000000000１",
        "messenger",
        "\x00",
        " ",
        0,
        1,
        False,
        True,
        [],
        ["aaaaaaaa-0000-4000-8000-000000000001"],
        {},
        {"app_id": "aaaaaaaa-0000-4000-8000-000000000001"},
    ],
)
def test_every_other_app_is_unknown(key, alice, other_app, app_id):
    other_app.enabled = False
    other_app.save()

    assert read(ask(alice, nonce=NONCE, app_id=app_id)) == APP_UNKNOWN


def test_without_apps_every_app_id_is_unknown(alice):
    assert read(ask(alice, nonce=NONCE)) == APP_UNKNOWN


def test_a_file_is_not_an_app_id(key, alice):
    parameters = {"nonce": NONCE, "app_id": SimpleUploadedFile("app_id", b"abc")}

    response = phone_of(alice).post(URL, parameters, format="multipart")

    assert read(response) == APP_UNKNOWN


def test_the_named_app_signs_with_its_own_key(key, alice, other_app, other_private_key):
    other = SigningKey.from_private_key(
        other_app, other_private_key, key_id="dddddddd-0000-4000-8000-000000000004"
    )
    other.save()
    other.activate()

    _, body = read(ask(alice, nonce=NONCE, app_id=str(OTHER_APP_ID)))

    claims = decode(body["identity_token"], other)
    assert claims["iss"] == f"layer:///providers/{PROVIDER_ID}"


@pytest.mark.parametrize("user_id", [None, "", "alice"])
def test_a_user_id_that_matches_or_is_absent_changes_nothing(key, alice, user_id):
    assert read(ask(alice, nonce=NONCE, user_id=user_id))[0] == 200


@pytest.mark.parametrize("user_id", ["bob", "Alice", "alice ", "ａlice", "\x00"])
def test_any_other_user_id_is_a_mismatch(key, alice, user_id):
    assert read(ask(alice, nonce=NONCE, user_id=user_id)) == MISMATCH


@pytest.mark.parametrize("user_id", [1, 0, 1.5, False, True, [], {}, ["alice"]])
def test_a_user_id_that_is_not_a_string_is_a_parse_error(key, alice, user_id):
    assert read(ask(alice, nonce=NONCE, user_id=user_id)) == NO_STRING_AS_USER_ID


def test_a_file_is_not_a_user_id(key, alice):
    parameters = {"nonce": NONCE, "user_id": SimpleUploadedFile("user_id", b"alice")}

    response = phone_of(alice).post(URL, parameters, format="multipart")

    assert read(response) == NO_STRING_AS_USER_ID


def test_a_user_id_that_looks_like_a_number_is_sent_as_a_string(settings, key, alice):
    configure(settings, USER_ID="pk")

    assert read(ask(alice, nonce=NONCE, user_id=alice.pk)) == NO_STRING_AS_USER_ID
    assert read(ask(alice, nonce=NONCE, user_id=str(alice.pk)))[0] == 200
