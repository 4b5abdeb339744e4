"""Tokens that the sandbox refuses."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from django_layer_identity.protocol.identifiers import ProviderID
from tests.sandbox.layer import (
    LONG_AGO,
    OTHER_APP_ID,
    OTHER_PROVIDER_ID,
    assert_token_refused,
    create_app,
    create_key,
    make_token,
    post_session,
)


@pytest.mark.parametrize("token", ["", "a.b", 7, ["a.b.c"], "\ud800"], ids=repr)
def test_value_that_is_not_a_token_is_refused(client, key, token):
    assert_token_refused(post_session(client, token), "eit_wrong_jws_part_count")


def test_message_of_the_validator_is_in_the_response(client, key):
    response = post_session(client, "a.b")

    assert response.json()["message"] == (
        "eit_wrong_jws_part_count: An identity token must have three parts separated "
        "by dots, not 2. The signature is missing. Pass the complete value of "
        "identity_token, nothing else."
    )


def test_every_problem_is_in_the_response_with_debug(client, key, settings):
    settings.DEBUG = True

    response = post_session(client, '"a.b"')

    assert response.json()["data"]["findings"] == [
        {
            "code": "eit_wrong_jws_part_count",
            "severity": "error",
            "message": "There are quotation marks around the token.",
            "hint": "Parse the response as JSON and pass the value of identity_token.",
        },
        {
            "code": "eit_wrong_jws_part_count",
            "severity": "error",
            "message": "An identity token must have three parts separated by dots, not "
            "2.",
            "hint": "The signature is missing. Pass the complete value of "
            "identity_token, nothing else.",
        },
    ]


def test_without_debug_only_the_first_problem_is_in_the_response(client, key):
    data = post_session(client, '"a.b"').json()["data"]

    assert data == {"property": "identity_token", "code": "eit_wrong_jws_part_count"}


def test_every_problem_is_logged(client, key, caplog):
    caplog.set_level("INFO", logger="django_layer_identity")

    post_session(client, '"a.b"')

    ours = [r for r in caplog.records if r.name == "django_layer_identity"]
    assert [record.getMessage() for record in ours] == [
        "The sandbox refused an identity token: eit_wrong_jws_part_count: There are "
        "quotation marks around the token. Parse the response as JSON and pass the "
        "value of identity_token.",
        "The sandbox refused an identity token: eit_wrong_jws_part_count: An identity "
        "token must have three parts separated by dots, not 2. The signature is "
        "missing. Pass the complete value of identity_token, nothing else.",
    ]


def test_expired_token_is_refused(client, key, private_key):
    token = make_token(
        private_key, issued_at=LONG_AGO, expires_at=LONG_AGO + timedelta(minutes=5)
    )

    assert_token_refused(post_session(client, token), "eit_expired")


def test_token_signed_by_another_key_is_refused(client, key, other_private_key):
    response = post_session(client, make_token(other_private_key))

    assert_token_refused(response, "eit_signature_verification_failed")


def test_unknown_key_is_refused(client, app, private_key):
    create_key(app, private_key, key_id=None)

    assert_token_refused(
        post_session(client, make_token(private_key)), "eit_key_not_found"
    )


def test_revoked_key_is_refused(client, app, private_key):
    create_key(app, private_key, revoked_at=LONG_AGO)

    assert_token_refused(
        post_session(client, make_token(private_key)), "eit_key_disabled"
    )


def test_unknown_provider_is_refused(client, key, private_key):
    token = make_token(private_key, provider_id=ProviderID(OTHER_PROVIDER_ID))

    assert_token_refused(post_session(client, token), "eit_provider_not_found")


def test_provider_of_another_app_is_refused(client, key, private_key):
    create_app(provider_id=OTHER_PROVIDER_ID)

    response = post_session(client, make_token(private_key), str(OTHER_APP_ID))

    assert_token_refused(response, "eit_provider_not_bound_to_app")


def test_key_of_another_provider_is_refused(client, app, private_key):
    create_key(create_app(provider_id=OTHER_PROVIDER_ID), private_key)

    assert_token_refused(
        post_session(client, make_token(private_key)), "eit_key_not_found"
    )


def test_key_of_the_same_providers_other_app_is_accepted(client, app, private_key):
    create_key(create_app(), private_key)

    assert post_session(client, make_token(private_key)).status_code == 201


@pytest.mark.parametrize("first", ["own", "other"])
def test_apps_own_key_is_preferred_to_another_apps_key(
    client, app, private_key, other_private_key, first
):
    rows = [(app, private_key), (create_app(), other_private_key)]
    for owner, pair in rows if first == "own" else reversed(rows):
        create_key(owner, pair)

    assert post_session(client, make_token(private_key)).status_code == 201


@pytest.mark.parametrize(
    ("own", "other", "status"), [(None, LONG_AGO, 201), (LONG_AGO, None, 422)]
)
def test_revocation_in_the_app_itself_counts(
    client, app, private_key, own, other, status
):
    create_key(app, private_key, revoked_at=own)
    create_key(create_app(), private_key, revoked_at=other)

    assert post_session(client, make_token(private_key)).status_code == status


def test_same_providers_key_is_preferred_to_another_providers_key(
    client, app, private_key, other_private_key
):
    third = UUID("cccccccc-0000-4000-8000-000000000003")
    create_key(create_app(provider_id=OTHER_PROVIDER_ID), other_private_key)
    create_key(create_app(third), private_key)

    assert post_session(client, make_token(private_key)).status_code == 201


def test_key_revoked_in_one_of_two_other_apps_is_refused(client, app, private_key):
    third = UUID("cccccccc-0000-4000-8000-000000000003")
    create_key(create_app(), private_key)
    create_key(create_app(third), private_key, revoked_at=LONG_AGO)

    assert_token_refused(
        post_session(client, make_token(private_key)), "eit_key_disabled"
    )
