"""Request data never gets into headers, log lines, rows or claims."""

from __future__ import annotations

import logging

import pytest
from django.contrib.auth.models import User
from django.forms.models import model_to_dict
from rest_framework.test import APIClient

from django_layer_identity.models import LayerApp, SigningKey
from tests.endpoint import JSON, NONCE, URL, decode, phone_of, read

SPLIT = "x\r\nSet-Cookie: a=b\r\n\r\n<html>"
LOOK_ALIKES = ["\r\n", "\n", "\x85", "\u2028", "\u2029", "\x0b", "\x1b[2J", "\x00"]
HEADERS = {"Allow", "Cache-Control", "Content-Type", "Vary", "X-Frame-Options"}

# Names of model fields, of user fields, of claims and of function arguments.
ASSIGNED = {
    **{"id": 99, "pk": 99, "username": "bob", "first_name": "Bob", "is_staff": True},
    **{"is_superuser": True, "password": "x", "groups": [1], "user": {"id": 99}},
    **{"name": "Other", "environment": "staging", "enabled": False, "app": "x"},
    **{"provider_id": "x", "key_id": "x", "kid": "x", "alg": "none", "signer": "x"},
    **{"iss": "x", "prn": "bob", "iat": 1, "exp": 9_999_999_999, "nce": "x"},
    **{"token_lifetime": 99_999_999, "expires_at": 9_999_999_999, "issued_at": 1},
    **{"display_name": "Bob", "avatar_url": "http://127.0.0.1/", "metadata": {}},
    **{"expected_user_id": "bob", "request": {}, "context": {}, "__class__": "x"},
}


def claims_of(response, key):
    status, body = read(response)
    assert status == 200
    claims = decode(body["identity_token"], key)
    return {name: claims[name] for name in claims if name not in ("iat", "exp")}


def rows():
    return [
        model_to_dict(row)
        for model in (User, LayerApp, SigningKey)
        for row in model.objects.order_by("pk")
    ]


@pytest.mark.parametrize("form", ["json", "multipart"])
def test_other_parameters_change_no_claim_and_no_row(key, alice, form):
    client, nested = phone_of(alice), ("groups", "user", "metadata", "request")
    extra = {
        name: str(value) if form == "multipart" and name in nested else value
        for name, value in ASSIGNED.items()
        if name not in ("context", "password")
    }
    client.post(URL, {"nonce": NONCE}, format=form)  # records the use of the key
    before = rows()

    plain = client.post(URL, {"nonce": NONCE}, format=form)
    loaded = client.post(URL, {"nonce": NONCE, **extra}, format=form)

    assert claims_of(loaded, key) == claims_of(plain, key)
    assert rows() == before


@pytest.mark.parametrize("name", ["nonce", "app_id", "user_id", "x"])
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_no_header_repeats_what_was_sent(key, alice, name, method):
    parameters = {"nonce": NONCE, name: SPLIT}

    response = phone_of(alice).generic(
        method,
        f"{URL}?{name}=%0d%0aSet-Cookie:%20a=b",
        APIClient()._encode_data(parameters, format="json")[0],
        JSON,
        headers={"Accept": "text/html", "Origin": "http://127.0.0.1", "X-Name": name},
    )

    assert set(response.headers) <= HEADERS
    assert all(value.isprintable() for value in response.headers.values())
    assert not response.cookies


@pytest.mark.parametrize("end", LOOK_ALIKES, ids=ascii)
@pytest.mark.parametrize("name", ["nonce", "app_id", "user_id"])
def test_our_loggers_never_split_a_line(caplog, key, alice, name, end):
    caplog.set_level(logging.DEBUG, "django_layer_identity")
    forged = f"a{end}ERROR django_layer_identity forged"

    phone_of(alice).post(URL, {"nonce": NONCE, name: forged}, format="json")

    lines = [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith("django_layer_identity")
    ]
    assert [line.isprintable() for line in lines] == [True]
    assert "forged" not in lines[0]


@pytest.mark.parametrize(
    "header", ["User-Agent", "Referer", "X-Forwarded-For", "Authorization", "Cookie"]
)
def test_our_loggers_never_repeat_a_header(caplog, key, client, header):
    caplog.set_level(logging.DEBUG, "django_layer_identity")

    client.post(URL, headers={header: "forged ERROR"})

    lines = [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith("django_layer_identity")
    ]
    assert len(lines) == 1
    assert "forged" not in lines[0]
