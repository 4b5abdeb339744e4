"""``GET jwks.json``: which keys it shows, and for how long."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from rest_framework.views import APIView

from django_layer_identity.keys.rsa import read_public_key
from django_layer_identity.models import SigningKey
from django_layer_identity.protocol.identifiers import KeyID
from tests import internals
from tests.api.test_classes import VersionTwo
from tests.conftest import APP_ID, KEY_ID, OTHER_KEY_ID
from tests.endpoint import refusal
from tests.sandbox.layer import create_app

URL = "/layer/jwks.json"
CAP = timedelta(hours=24, minutes=5)  # longest lifetime plus largest clock skew
UNKNOWN = "aaaaaaaa-0000-4000-8000-00000000000f"


def shown(client, app_id=None):
    """Return the key IDs, in order, without their common prefix."""
    response = client.get(URL, None if app_id is None else {"app_id": app_id})
    assert response.status_code == 200
    return [
        jwk["kid"].removeprefix("layer:///keys/") for jwk in response.json()["keys"]
    ]


def add_key(app, private_key, key_id=KEY_ID):
    """Return a ready key of the app."""
    key = SigningKey.from_private_key(app, private_key, key_id=key_id)
    key.save()
    key.run_self_test()
    return key


def retire(key, ago):
    """Set the retirement of the key to some time ago."""
    key.retire()
    SigningKey.objects.filter(pk=key.pk).update(retired_at=timezone.now() - ago)


@pytest.mark.parametrize("method", ["get", "head"])
def test_the_active_key_is_public(client, key, method):
    response = getattr(client, method)(URL)

    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "public, max-age=60"


@pytest.mark.parametrize("cookie", ["sessionid=abc", "theme=dark"])
def test_the_response_to_a_request_with_a_cookie_is_private(client, key, cookie):
    headers = {"Cookie": cookie, "If-None-Match": client.get(URL)["ETag"]}

    response = client.get(URL, headers={"Cookie": cookie})
    assert response["Cache-Control"] == "private, max-age=60"

    response = client.get(URL, headers=headers)
    assert response.status_code == 304
    assert response["Cache-Control"] == "private, max-age=60"


@pytest.mark.parametrize(
    ("method", "query", "status"),
    [("get", "", 200), ("get", "?app_id=a&app_id=b", 400), ("post", "", 405)],
)
def test_pages_of_any_origin_may_read_every_response(client, db, method, query, status):
    response = getattr(client, method)(
        URL + query, headers={"Origin": "https://example.com"}
    )

    assert response.status_code == status
    assert response["Access-Control-Allow-Origin"] == "*"


def test_the_set_follows_rfc_7517(client, key):
    assert client.get(URL).json() == {
        "keys": [read_public_key(key.public_key).as_jwk(KeyID(KEY_ID))]
    }


def test_without_keys_the_set_is_empty(client, app):
    assert client.get(URL).json() == {"keys": []}


def test_a_draft_is_not_shown(client, app, private_key):
    SigningKey.from_private_key(app, private_key).save()

    assert shown(client) == []


def test_a_key_that_is_not_tested_yet_is_not_shown(client, app, private_key):
    SigningKey.from_private_key(app, private_key, key_id=KEY_ID).save()

    assert shown(client) == []


def test_a_ready_key_is_shown_before_it_signs(client, key, other_private_key):
    add_key(key.app, other_private_key, OTHER_KEY_ID)

    assert shown(client) == [str(KEY_ID), str(OTHER_KEY_ID)]


def test_a_retired_key_is_shown_while_its_tokens_can_be_valid(client, key):
    retire(key, ago=CAP - timedelta(seconds=30))

    assert shown(client) == [str(KEY_ID)]


def test_a_retired_key_is_not_shown_for_longer(client, key):
    retire(key, ago=CAP)

    assert shown(client) == []


def test_shorter_lifetimes_do_not_hide_a_retired_key(client, key, settings):
    lifetime = {"TOKEN_LIFETIME": timedelta(minutes=1)}
    settings.LAYER_IDENTITY = {**settings.LAYER_IDENTITY, **lifetime}
    key.app.token_lifetime = timedelta(minutes=2)
    key.app.save()
    retire(key, ago=timedelta(hours=23))

    assert shown(client) == [str(KEY_ID)]


@pytest.mark.parametrize("retired", [False, True])
def test_a_revoked_key_is_not_shown(client, key, retired):
    if retired:
        key.retire()
    key.revoke("leaked")

    assert shown(client) == []


def test_a_disabled_app_has_no_keys(client, key):
    key.app.enabled = False
    key.app.save()

    assert shown(client) == []


@pytest.mark.parametrize(
    "app_id",
    [
        str(APP_ID),
        str(APP_ID).upper(),
        f"layer:///apps/production/{APP_ID}",
    ],
)
def test_app_id_limits_the_set_to_one_app(client, key, other_private_key, app_id):
    add_key(create_app(), other_private_key, OTHER_KEY_ID)

    assert shown(client) == [str(KEY_ID), str(OTHER_KEY_ID)]
    assert shown(client, app_id) == [str(KEY_ID)]


def test_an_empty_app_id_is_ignored(client, key):
    assert shown(client, "") == [str(KEY_ID)]


@pytest.mark.parametrize(
    "app_id",
    [UNKNOWN, f"layer:///apps/staging/{APP_ID}", f"layer:///keys/{APP_ID}", "a\x00"],
)
def test_an_unknown_app_has_no_keys(client, key, app_id):
    assert shown(client, app_id) == []


def test_a_key_that_two_apps_share_is_shown_once(client, key, private_key):
    add_key(create_app(environment="staging"), private_key)

    assert shown(client) == [str(KEY_ID)]


def test_a_pair_revoked_in_one_app_is_hidden_for_all_apps(client, key, private_key):
    other = add_key(create_app(enabled=False), private_key, OTHER_KEY_ID)
    assert shown(client) == [str(KEY_ID)]

    other.revoke("leaked")

    assert shown(client) == []
    assert shown(client, str(APP_ID)) == []


def test_an_unchanged_set_is_not_sent_again(client, key):
    etag = client.get(URL)["ETag"]

    response = client.get(URL, headers={"if-none-match": etag})

    assert (response.status_code, response.content) == (304, b"")
    assert response["ETag"] == etag
    assert response["Cache-Control"] == "public, max-age=60"


def test_a_changed_set_is_sent(client, key):
    etag = client.get(URL)["ETag"]
    key.revoke("leaked")

    response = client.get(URL, headers={"if-none-match": etag})

    assert (response.status_code, response.json()) == (200, {"keys": []})
    assert response["ETag"] != etag


@pytest.mark.parametrize("query", ["", f"?app_id={APP_ID}"])
def test_the_number_of_queries_does_not_depend_on_the_keys(
    client, key, other_private_key, django_assert_num_queries, query
):
    add_key(create_app(), other_private_key, OTHER_KEY_ID)

    with django_assert_num_queries(1):
        client.get(URL + query)


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"]
)
def test_other_methods_are_refused_in_json(client, method):
    client.handler.enforce_csrf_checks = True

    response = client.generic(method, URL)

    assert (response.status_code, response.json()) == refusal(
        405, "method_not_allowed", "Only GET and HEAD are allowed here."
    )
    assert response["Allow"] == "GET, HEAD"
    assert response["Cache-Control"] == "no-store"


def test_an_app_id_sent_twice_is_refused(client, db):
    response = client.get(f"{URL}?app_id={APP_ID}&app_id={UNKNOWN}")

    assert (response.status_code, response.json()) == refusal(
        400, "parse_error", "The parameter “app_id” was sent twice."
    )


@pytest.mark.parametrize("atomic", [False, True])
def test_a_database_outage_is_unavailable(client, key, caplog, monkeypatch, atomic):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", atomic)

    def fail(execute, *args):
        raise OperationalError("server closed the connection")

    with connection.execute_wrapper(fail):
        response = client.get(URL)

    assert (response.status_code, response.json()) == refusal(
        503, "unavailable", "The service is unavailable. Try again later."
    )
    assert "server closed the connection" in caplog.text


def test_a_bug_is_not_turned_into_a_refusal(client, db, monkeypatch):
    def fail(*args):
        raise RuntimeError("a bug")

    monkeypatch.setattr(internals.LIST_PUBLIC_KEYS, fail)

    with pytest.raises(RuntimeError, match="a bug"):
        client.get(URL)


@pytest.mark.parametrize("written", ["damaged", "another"])
def test_a_row_with_a_wrong_public_key_does_not_hide_other_keys(
    client, key, other_private_key, caplog, written
):
    other = add_key(create_app(), other_private_key, OTHER_KEY_ID)
    public_keys = {"damaged": "layer", "another": other.public_key}
    SigningKey.objects.filter(pk=key.pk).update(public_key=public_keys[written])

    assert shown(client) == [str(OTHER_KEY_ID)]
    assert (
        f"without the key layer:///keys/{KEY_ID}: its stored public key is"
        in caplog.text
    )


def test_a_damaged_row_does_not_hide_the_same_key_of_another_app(
    client, key, private_key
):
    other = add_key(create_app(environment="staging"), private_key)
    SigningKey.objects.filter(pk=other.pk).update(fingerprint="f" * 64)

    assert shown(client) == [str(KEY_ID)]


def test_the_response_is_json_for_strangers_and_browsers(client, key, settings):
    settings.MIDDLEWARE = [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ]
    settings.REST_FRAMEWORK = {"DEFAULT_THROTTLE_RATES": {}}
    headers = {"accept": "text/html", "authorization": "Bearer nonsense"}

    response = client.get(URL, headers=headers)

    assert (response.status_code, response["Content-Type"]) == (200, "application/json")


def test_the_set_ignores_the_api_versions_of_the_project(monkeypatch, client, key):
    # DRF reads DEFAULT_VERSIONING_CLASS once, when it defines APIView.
    monkeypatch.setattr(APIView, "versioning_class", VersionTwo)

    assert shown(client) == [str(KEY_ID)]
