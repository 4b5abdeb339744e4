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


def test_nothing_private_shows_in_the_repr():
    shown = repr(claims(profile={"display_name": "Alice Liddell"}))

    assert "q83v" not in shown
    assert "Liddell" not in shown


@pytest.mark.parametrize("name", ["iss", "prn", "iat", "exp", "nce", "email", "role"])
def test_a_profile_claim_is_one_that_layer_knows(name):
    with pytest.raises(InvalidClaims) as caught:
        claims(profile={name: "forged"})

    assert str(caught.value) == f"{name!r} is not a profile claim that Layer knows."


@pytest.mark.parametrize("value", [None, "", 7])
def test_a_profile_claim_is_text(value):
    with pytest.raises(InvalidClaims) as caught:
        claims(profile={"first_name": value})

    assert str(caught.value) == "The claim 'first_name' is a string and not empty."


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("display_name", 128),
        ("first_name", 128),
        ("last_name", 128),
        ("avatar_url", 1024),
    ],
)
def test_a_profile_claim_has_layers_length(name, limit):
    assert claims(profile={name: "x" * limit}).profile[name] == "x" * limit
    with pytest.raises(InvalidClaims) as caught:
        claims(profile={name: "x" * (limit + 1)})

    assert str(caught.value) == f"The claim {name!r} has at most {limit} characters."


def test_layer_names_no_length_for_a_public_key():
    assert claims(profile={"public_key": "x" * 5000}).profile["public_key"]


@pytest.mark.parametrize(
    ("user_id", "message"),
    [
        (None, "A Layer user ID is a string."),
        (42, "A Layer user ID is a string."),
        ("", "A Layer user ID is not blank."),
        (" \t", "A Layer user ID is not blank."),
        ("None", '"None" is a missing value, not a Layer user ID.'),
        ("x" * 129, "A Layer user ID has at most 128 characters."),
        ("a\nb", "A Layer user ID has no control characters."),
        ("a\x00", "A Layer user ID has no control characters."),
        pytest.param(
            "\ud83d", "A Layer user ID has no control characters.", id="lone-surrogate"
        ),
    ],
)
def test_a_user_id_tells_people_apart_or_is_refused(user_id, message):
    with pytest.raises(InvalidClaims) as caught:
        claims(user_id=user_id)

    assert str(caught.value) == message


@pytest.mark.parametrize("user_id", ["x" * 128, "none", "a b", "東京", "auth0|1", "~*"])
def test_other_user_ids_pass(user_id):
    assert claims(user_id=user_id).as_payload()["prn"] == user_id


@pytest.mark.parametrize("nonce", [None, ""])
def test_a_nonce_cannot_be_missing(nonce):
    with pytest.raises(NonceMissing):
        claims(nonce=nonce)


@pytest.mark.parametrize(
    ("nonce", "message"),
    [
        (42, "The nonce is a string."),
        (["x"], "The nonce is a string."),
        ("x" * 1025, "A nonce has at most 1024 characters."),
        ("a\r\nb", "A nonce has no control characters."),
        ("a\x7f", "A nonce has no control characters."),
        pytest.param("\udc00", "A nonce has no control characters.", id="surrogate"),
        ("  ", "A nonce is more than white space."),
    ],
)
def test_a_nonce_that_layer_never_gave_is_refused(nonce, message):
    with pytest.raises(NonceInvalid) as caught:
        claims(nonce=nonce)

    assert str(caught.value) == message


@pytest.mark.parametrize("nonce", ["x" * 1024, "+/==", "00ff", "東京"])
def test_a_nonce_is_opaque_otherwise(nonce):
    assert claims(nonce=nonce).as_payload()["nce"] == nonce


@pytest.mark.parametrize("field", ["issued_at", "expires_at"])
def test_times_without_a_zone_are_refused(field):
    with pytest.raises(InvalidClaims) as caught:
        claims(**{field: datetime(2024, 1, 1)})

    assert str(caught.value) == "Times are aware datetimes."


@pytest.mark.parametrize(
    "lifetime",
    [timedelta(0), timedelta(seconds=-1), timedelta(hours=24, minutes=5, seconds=1)],
)
def test_a_lifetime_is_positive_and_bounded(lifetime):
    with pytest.raises(InvalidClaims) as caught:
        claims(expires_at=NEW_YEAR + lifetime)

    assert (
        str(caught.value)
        == "The token lifetime must be more than zero and at most 24 hours."
    )


def test_a_day_and_the_clock_skew_is_the_longest_life():
    longest = claims(expires_at=NEW_YEAR + timedelta(hours=24, minutes=5))

    assert longest.as_payload()["exp"] == 1_704_067_200 + 86_400 + 300


@pytest.mark.parametrize(
    ("name", "limit"), [("phone_number", 32), ("email_address", 255)]
)
def test_a_claim_by_choice_has_layers_length(name, limit):
    assert claims(profile={name: "x" * limit}).profile[name] == "x" * limit
    with pytest.raises(InvalidClaims) as caught:
        claims(profile={name: "x" * (limit + 1)})

    assert str(caught.value) == f"The claim {name!r} has at most {limit} characters."


def test_an_identity_is_a_user_or_a_bot():
    assert claims(profile={"identity_type": "bot"}).profile == {"identity_type": "bot"}
    with pytest.raises(InvalidClaims) as caught:
        claims(profile={"identity_type": "root"})

    assert str(caught.value) == "The claim 'identity_type' is “user” or “bot”."


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ("team", "is an object and not empty"),
        ({}, "is an object and not empty"),
        (dict.fromkeys("0123456789abcdefg", "x"), "has at most 16 keys"),
        ({"level": 7}, "has strings alone, and no levels"),
        ({7: "level"}, "has strings alone, and no levels"),
        ({"a": {"b": "c"}}, "has strings alone, and no levels"),
    ],
)
def test_metadata_is_flat_and_short(metadata, message):
    with pytest.raises(InvalidClaims) as caught:
        claims(profile={"metadata": metadata})

    assert str(caught.value) == f"The claim 'metadata' {message}."


def test_metadata_travels_as_it_is():
    metadata = dict.fromkeys("0123456789abcdef", "x")

    assert claims(profile={"metadata": metadata}).as_payload()["metadata"] == metadata
