from __future__ import annotations

from datetime import datetime, timedelta, timezone
from uuid import UUID

import pytest

from django_layer_identity.exceptions import InvalidClaims, NonceInvalid, NonceMissing
from django_layer_identity.protocol.claims import IdentityClaims
from django_layer_identity.protocol.identifiers import ProviderID

NEW_YEAR = datetime(2024, 1, 1, tzinfo=timezone.utc)


def claims(**changes):
    values = {
        "provider_id": ProviderID(UUID("bbbbbbbb-0000-4000-8000-000000000002")),
        "user_id": "alice",
        "nonce": "q83v+/8==",
        "issued_at": NEW_YEAR,
        "expires_at": NEW_YEAR + timedelta(minutes=5),
    }
    return IdentityClaims(**{**values, **changes})


def test_the_payload_has_layers_names_and_unix_seconds():
    assert claims(profile={"display_name": "Alice"}).as_payload() == {
        "display_name": "Alice",
        "iss": "layer:///providers/bbbbbbbb-0000-4000-8000-000000000002",
        "prn": "alice",
        "iat": 1_704_067_200,  # 2024-01-01T00:00:00Z
        "exp": 1_704_067_500,  # five minutes later
        "nce": "q83v+/8==",
    }


def test_times_are_the_same_in_every_time_zone():
    india = timezone(timedelta(hours=5, minutes=30))

    payload = claims(issued_at=NEW_YEAR.astimezone(india)).as_payload()

    assert payload["iat"] == 1_704_067_200


def test_the_profile_cannot_be_changed_afterwards():
    profile = {"display_name": "Alice"}
    made = claims(profile=profile)

    profile["display_name"] = "Mallory"

    assert made.as_payload()["display_name"] == "Alice"
    with pytest.raises(TypeError):
        made.profile["display_name"] = "Mallory"


def test_repr_does_not_show_personal_data():
    shown = repr(claims(profile={"display_name": "Alice Liddell"}))

    assert "q83v" not in shown
    assert "Liddell" not in shown


@pytest.mark.parametrize("name", ["iss", "prn", "iat", "exp", "nce", "email", "role"])
def test_an_unknown_profile_claim_is_refused(name):
    with pytest.raises(InvalidClaims) as caught:
        claims(profile={name: "forged"})

    assert str(caught.value) == f"Layer does not know the profile claim {name!r}."


@pytest.mark.parametrize("value", [None, "", 7])
def test_a_profile_claim_must_be_a_non_empty_string(value):
    with pytest.raises(InvalidClaims) as caught:
        claims(profile={"first_name": value})

    assert str(caught.value) == "The claim 'first_name' must be a non-empty string."


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("display_name", 128),
        ("first_name", 128),
        ("last_name", 128),
        ("avatar_url", 1024),
    ],
)
def test_a_profile_claim_has_layers_maximum_length(name, limit):
    assert claims(profile={name: "x" * limit}).profile[name] == "x" * limit
    with pytest.raises(InvalidClaims) as caught:
        claims(profile={name: "x" * (limit + 1)})

    assert (
        str(caught.value) == f"The claim {name!r} must have at most {limit} characters."
    )


def test_a_public_key_has_no_maximum_length():
    assert claims(profile={"public_key": "x" * 5000}).profile["public_key"]


@pytest.mark.parametrize(
    ("user_id", "message"),
    [
        (None, "A Layer user ID must be a string."),
        (42, "A Layer user ID must be a string."),
        ("", "A Layer user ID must not be blank."),
        (" \t", "A Layer user ID must not be blank."),
        ("None", '"None" is a missing value, not a Layer user ID.'),
        ("x" * 129, "A Layer user ID must have at most 128 characters."),
        ("a\nb", "A Layer user ID must not contain control characters."),
        ("a\x00", "A Layer user ID must not contain control characters."),
        pytest.param(
            "\ud83d",
            "A Layer user ID must not contain control characters.",
            id="lone-surrogate",
        ),
    ],
)
def test_an_invalid_user_id_is_refused(user_id, message):
    with pytest.raises(InvalidClaims) as caught:
        claims(user_id=user_id)

    assert str(caught.value) == message


@pytest.mark.parametrize("user_id", ["x" * 128, "none", "a b", "東京", "auth0|1", "~*"])
def test_other_user_ids_are_accepted(user_id):
    assert claims(user_id=user_id).as_payload()["prn"] == user_id


@pytest.mark.parametrize("nonce", [None, ""])
def test_a_nonce_cannot_be_missing(nonce):
    with pytest.raises(NonceMissing):
        claims(nonce=nonce)


@pytest.mark.parametrize(
    ("nonce", "message"),
    [
        (42, "The nonce must be a string."),
        (["x"], "The nonce must be a string."),
        ("x" * 1025, "The nonce must have at most 1024 characters."),
        ("a\r\nb", "The nonce must not contain control characters."),
        ("a\x7f", "The nonce must not contain control characters."),
        pytest.param(
            "\udc00", "The nonce must not contain control characters.", id="surrogate"
        ),
        ("  ", "The nonce must not be blank."),
    ],
)
def test_an_invalid_nonce_is_refused(nonce, message):
    with pytest.raises(NonceInvalid) as caught:
        claims(nonce=nonce)

    assert str(caught.value) == message


@pytest.mark.parametrize("nonce", ["x" * 1024, "+/==", "00ff", "東京"])
def test_other_nonces_are_accepted_unchanged(nonce):
    assert claims(nonce=nonce).as_payload()["nce"] == nonce


@pytest.mark.parametrize("field", ["issued_at", "expires_at"])
def test_times_without_a_time_zone_are_refused(field):
    with pytest.raises(InvalidClaims) as caught:
        claims(**{field: datetime(2024, 1, 1)})

    assert str(caught.value) == "issued_at and expires_at must be aware datetimes."


@pytest.mark.parametrize(
    "lifetime",
    [timedelta(0), timedelta(seconds=-1), timedelta(hours=24, minutes=5, seconds=1)],
)
def test_a_lifetime_is_positive_and_bounded(lifetime):
    with pytest.raises(InvalidClaims) as caught:
        claims(expires_at=NEW_YEAR + lifetime)

    assert (
        str(caught.value)
        == "expires_at must be after issued_at, by at most 24 hours and 5 minutes."
    )


def test_the_longest_lifetime_is_a_day_plus_the_clock_skew():
    longest = claims(expires_at=NEW_YEAR + timedelta(hours=24, minutes=5))

    assert longest.as_payload()["exp"] == 1_704_067_200 + 86_400 + 300


@pytest.mark.parametrize(
    ("name", "limit"), [("phone_number", 32), ("email_address", 255)]
)
def test_an_opt_in_claim_has_layers_maximum_length(name, limit):
    assert claims(profile={name: "x" * limit}).profile[name] == "x" * limit
    with pytest.raises(InvalidClaims) as caught:
        claims(profile={name: "x" * (limit + 1)})

    assert (
        str(caught.value) == f"The claim {name!r} must have at most {limit} characters."
    )


def test_an_identity_type_must_be_user_or_bot():
    assert claims(profile={"identity_type": "bot"}).profile == {"identity_type": "bot"}
    with pytest.raises(InvalidClaims) as caught:
        claims(profile={"identity_type": "root"})

    assert str(caught.value) == "The claim 'identity_type' must be “user” or “bot”."


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ("team", "must be a non-empty mapping"),
        ({}, "must be a non-empty mapping"),
        (dict.fromkeys("0123456789abcdefg", "x"), "must have at most 16 keys"),
        ({"level": 7}, "must map strings to strings, without nesting"),
        ({7: "level"}, "must map strings to strings, without nesting"),
        ({"a": {"b": "c"}}, "must map strings to strings, without nesting"),
    ],
)
def test_metadata_must_be_flat_and_short(metadata, message):
    with pytest.raises(InvalidClaims) as caught:
        claims(profile={"metadata": metadata})

    assert str(caught.value) == f"The claim 'metadata' {message}."


def test_metadata_is_sent_unchanged():
    metadata = dict.fromkeys("0123456789abcdef", "x")

    assert claims(profile={"metadata": metadata}).as_payload()["metadata"] == metadata
