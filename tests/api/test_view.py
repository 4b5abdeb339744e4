"""Successful requests, in every form that phones send."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
from django.db import connection, connections
from django.urls import resolve, reverse

from django_layer_identity.api import errors
from django_layer_identity.exceptions import Refusal
from tests.conftest import APP_ID
from tests.endpoint import (
    NONCE,
    URL,
    ask,
    configure,
    decode,
    not_authenticated,
    phone_of,
    read,
    refusal,
)
from tests.internals import clear_loaded_keys

NONCE_MISSING = (
    "The nonce is missing. Send Layer's nonce in the top-level parameter “nonce”."
)


def test_the_response_to_a_nonce_has_an_identity_token(key, alice):
    status, body = read(ask(alice, nonce=NONCE))

    claims = decode(body["identity_token"], key)
    assert status == 200
    assert body == {
        "identity_token": body["identity_token"],
        "layer_identity_token": body["identity_token"],
        "user_id": "alice",
        "expires_at": claims["exp"],
    }
    assert (claims["prn"], claims["nce"]) == ("alice", NONCE)


def test_the_request_of_layers_guide_for_ios_is_answered(key, alice):
    response = phone_of(alice).generic(
        "POST",
        URL,
        json.dumps(
            {
                "app_id": "AAAAAAAA-0000-4000-8000-000000000001",
                "user_id": "alice",
                "nonce": NONCE,
            }
        ),
        content_type="application/json",
        headers={"Accept": "application/json"},
    )

    status, body = read(response)
    assert status == 200
    assert decode(body["identity_token"], key)["nce"] == NONCE


def test_callables_of_the_project_get_djangos_request(settings, key, alice):
    configure(settings, USER_ID=lambda context: context.request.headers["X-Device"])

    response = phone_of(alice).post(
        URL, {"nonce": NONCE}, format="json", headers={"X-Device": "telephone"}
    )

    assert read(response)[1]["user_id"] == "telephone"


def test_the_url_name_resolves_to_the_path_without_a_slash():
    assert reverse("layer_identity:authenticate") == "/layer/authenticate"


def test_a_trailing_slash_changes_nothing(key, alice):
    response = phone_of(alice).post(f"{URL}/", {"nonce": NONCE}, format="json")

    assert read(response)[0] == 200


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param(
            json.dumps({"nonce": NONCE}), "application/json; charset=UTF-8", id="json"
        ),
        pytest.param(
            urlencode({"nonce": NONCE}), "application/x-www-form-urlencoded", id="form"
        ),
        pytest.param(
            "--b\r\nContent-Disposition: form-data; name=nonce\r\n\r\n"
            f"{NONCE}\r\n--b--\r\n",
            "multipart/form-data; boundary=b",
            id="multipart",
        ),
    ],
)
def test_a_nonce_arrives_byte_for_byte(key, alice, body, content_type):
    response = phone_of(alice).generic("POST", URL, body, content_type)

    status, answer = read(response)
    assert status == 200
    assert decode(answer["identity_token"], key)["nce"] == NONCE


@pytest.mark.parametrize("nonce", [" with spaces ", "東京", "\ufffd", "x" * 1024])
@pytest.mark.parametrize("form", ["json", "multipart"])
def test_a_nonce_is_opaque(key, alice, nonce, form):
    response = phone_of(alice).post(URL, {"nonce": nonce}, format=form)

    status, answer = read(response)
    assert status == 200
    assert decode(answer["identity_token"], key)["nce"] == nonce


@pytest.mark.parametrize(
    "app_id",
    [
        None,
        "",
        "aaaaaaaa-0000-4000-8000-000000000001",
        "AAAAAAAA-0000-4000-8000-000000000001",
        "layer:///apps/production/aaaaaaaa-0000-4000-8000-000000000001",
        "layer:///apps/production/AAAAAAAA-0000-4000-8000-000000000001",
    ],
)
def test_every_form_of_an_app_id_is_accepted(key, alice, app_id):
    assert read(ask(alice, nonce=NONCE, app_id=app_id))[0] == 200


@pytest.mark.parametrize(
    "accept",
    ["text/html", "application/xml", "*/*;q=0", "application/json; indent=8", "?"],
)
def test_the_response_is_json_for_every_accept_header(key, alice, accept):
    client = phone_of(alice)

    plain = client.post(URL, {"user_id": "alice"}, format="json")
    response = client.post(
        URL, {"user_id": "alice"}, format="json", headers={"Accept": accept}
    )

    assert read(response) == read(plain)
    assert response.content == plain.content


def test_the_query_string_is_never_read(key, alice):
    client = phone_of(alice)

    response = client.post(f"{URL}?nonce=abc&format=xml", {}, format="json")
    assert read(response) == refusal(
        400, "nonce_missing", NONCE_MISSING, fields={"nonce": [NONCE_MISSING]}
    )

    query = "app_id=nonsense&user_id=bob&nonce=abc&_method=GET&format=api"
    response = client.post(f"{URL}?{query}", {"nonce": NONCE}, format="json")
    assert read(response)[0] == 200


def test_unknown_parameters_are_ignored(key, alice):
    parameters = {"prn": "bob", "exp": 1, "display_name": "Bob", "user": {"id": "bob"}}

    _, body = read(ask(alice, nonce=NONCE, **parameters))

    claims = decode(body["identity_token"], key)
    assert (claims["prn"], claims["display_name"]) == ("alice", "Alice Liddell")


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"])
def test_only_post_is_allowed(key, alice, method):
    response = phone_of(alice).generic(
        method, URL, '{"nonce": "abc"}', "application/json"
    )

    assert read(response) == refusal(
        405, "method_not_allowed", "Only POST is allowed here."
    )
    assert response["Allow"] == "POST"


def test_head_is_not_allowed_either(key, alice):
    response = phone_of(alice).head(URL)

    assert (response.status_code, response.content) == (405, b"")
    assert response["Cache-Control"] == "no-store"


def test_a_method_cannot_be_overridden(key, alice):
    response = phone_of(alice).get(URL, headers={"X-HTTP-Method-Override": "POST"})

    assert response.status_code == 405


def test_the_login_required_middleware_does_not_redirect_phones(settings, key, client):
    login_required = "django.contrib.auth.middleware.LoginRequiredMiddleware"
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, login_required]

    assert read(client.post(URL)) == not_authenticated()


@pytest.mark.parametrize("address", [URL, "/layer/jwks.json"])
def test_the_views_are_exempt_from_atomic_requests_in_every_database(address):
    view = resolve(address).func

    assert view._non_atomic_requests == set(connections)


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_under_atomic_requests(
    settings, monkeypatch, key, alice
):
    def user_id(context):
        return f"in a transaction: {connection.in_atomic_block}"

    configure(settings, USER_ID=user_id)
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)

    _, body = read(ask(alice, nonce=NONCE))

    assert body["user_id"] == "in a transaction: False"


@pytest.mark.parametrize("app_id", [None, str(APP_ID)])
def test_the_endpoint_makes_one_query_of_its_own(
    key, alice, django_assert_num_queries, app_id
):
    client = phone_of(alice)
    ask(alice, nonce=NONCE)  # the first token writes the ledger

    with django_assert_num_queries(1):
        response = client.post(URL, {"nonce": NONCE, "app_id": app_id}, format="json")

    assert read(response)[0] == 200


def test_a_private_key_is_parsed_once_per_process(key, alice, parsed):
    clear_loaded_keys()

    statuses = [read(ask(alice, nonce=NONCE))[0] for _ in range(20)]

    assert statuses == [200] * 20
    assert len(parsed) == 1


def test_each_refusal_has_a_status_and_each_status_a_refusal():
    codes = {
        kind.code
        for kind in Refusal.__subclasses__()
        if kind.__module__.startswith("django_layer_identity.")
    }

    assert codes == set(errors.STATUSES)
