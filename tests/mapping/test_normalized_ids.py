"""How a value becomes a Layer user ID: normalized, verified, or refused."""

from __future__ import annotations

import enum
import sys
from datetime import datetime, timezone
from uuid import UUID

import phonenumbers
import pytest
from django.contrib.auth.models import User
from django.test import override_settings
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumber_field.phonenumber import PhoneNumber, to_python

from django_layer_identity.exceptions import (
    ConfigurationError,
    UserIDFailed,
    UserIDUnavailable,
)
from django_layer_identity.mapping import MappingContext
from django_layer_identity.mapping.user_ids import compute_user_id
from django_layer_identity.models import LayerApp
from django_layer_identity.protocol.claims import has_unprintable
from tests.endpoint import NONCE, ask, configure, decode, read, refusal
from tests.models import Profile
from tests.work import count_calls

UDID = UUID("eeeeeeee-0000-4000-8000-000000000005")
NORMALIZE = (
    "<built-in method unicodedata.normalize>"  # the first call of each normalizer
)


class Handle(str, enum.Enum):
    ALICE = "alice"


class Rank(enum.IntEnum):
    FIRST = 1


@pytest.fixture
def user_id(settings):
    """Return the Layer user ID for a value and settings."""

    def user_id(value, normalizer=None, **changes):
        configure(
            settings,
            USER_ID=lambda context: value,
            USER_ID_NORMALIZER=normalizer,
            **changes,
        )
        return compute_user_id(MappingContext(User(), LayerApp()))

    return user_id


def calls_until_refused(user_id, *args):
    """Return the calls until the value is refused."""

    def refuse():
        with pytest.raises(UserIDUnavailable):
            user_id(*args)

    return count_calls(refuse)[1]


def shout(text):
    return text.upper()


@pytest.mark.parametrize(
    ("value", "normalizer", "expected"),
    [
        ("Alice@EXAMPLE.com", "email", "Alice@example.com"),
        (
            "Alice@EXAMPLE.com",
            "django_layer_identity.mapping.normalizers:email_casefold",
            "alice@example.com",
        ),
        ("+44 20 7031 3000", "phone", "+442070313000"),
        ("Alice", "casefold", "alice"),
        ("alice", shout, "ALICE"),
        ("alice", "tests.mapping.test_normalized_ids:shout", "ALICE"),
        ("alice", lambda text: 17, "17"),
        ("alice", lambda text: UDID, str(UDID)),
        (17, lambda text: f"user-{text}", "user-17"),
        (UDID, "casefold", str(UDID)),
        ("x" * 512, lambda text: text[:128], "x" * 128),
        (phonenumbers.parse("+442070313000"), "phone", "+442070313000"),
        (PhoneNumber.from_string("+442070313000"), "phone", "+442070313000"),
        (PhoneNumber.from_string("020 7031 3000", "GB"), "phone", "+442070313000"),
        (Handle.ALICE, None, "alice"),
        (Rank.FIRST, None, "1"),
        (10**127, None, "1" + "0" * 127),
    ],
)
def test_a_value_is_normalized(user_id, value, normalizer, expected):
    assert user_id(value, normalizer) == expected


@pytest.mark.parametrize("normalizer", ["email", "phone", "casefold", shout])
@pytest.mark.parametrize(
    "value",
    [None, "", " ", "\u2003", "None", "x" * 513, "a\nb@x.com", "+4\x00", "a\udfff"],
    ids=ascii,
)
def test_a_missing_value_is_refused_before_it_is_normalized(user_id, value, normalizer):
    with pytest.raises(UserIDUnavailable):
        user_id(value, normalizer)


@pytest.mark.parametrize("result", [None, "", " ", "None", "x" * 129, "\x7f"])
def test_an_unusable_result_of_a_normalizer_is_refused(user_id, result):
    with pytest.raises(UserIDUnavailable):
        user_id("alice", lambda text: result)


@pytest.mark.parametrize("number", [10**128, -(10**127)], ids=int.bit_length)
def test_an_integer_that_is_too_long_is_refused(user_id, number):
    with pytest.raises(UserIDUnavailable):
        user_id(number)


@pytest.mark.parametrize(
    "value",
    [
        to_python("+44"),
        to_python("nonsense"),
        PhoneNumber.from_string("+442070313000 ext. 12"),
        phonenumbers.PhoneNumber(),
        phonenumbers.PhoneNumber(country_code=44, national_number=1),
    ],
    ids=repr,
)
def test_a_phone_field_with_an_invalid_number_is_refused(user_id, value):
    with pytest.raises(UserIDUnavailable):
        user_id(value, "phone")


def test_a_phone_field_is_not_text_without_its_normalizer(user_id):
    with pytest.raises(UserIDFailed) as refused:
        user_id(PhoneNumber.from_string("+442070313000"))

    assert str(refused.value.__cause__) == (
        "A Layer user ID must be text, an integer or a UUID, not PhoneNumber."
    )


def fail(text):
    raise ValueError("no such directory")


@pytest.mark.parametrize(
    ("normalizer", "cause"),
    [
        (fail, ValueError),
        (lambda text: True, TypeError),
        (lambda text: [text], TypeError),
        ("e-mail", ConfigurationError),
    ],
)
def test_a_normalizer_that_fails_is_a_server_error(user_id, normalizer, cause):
    with pytest.raises(UserIDFailed) as refused:
        user_id("alice", normalizer)

    assert type(refused.value.__cause__) is cause


def test_a_missing_extra_is_a_server_error(user_id, monkeypatch):
    monkeypatch.setitem(sys.modules, "phonenumbers", None)

    with pytest.raises(UserIDFailed) as refused:
        user_id("+442070313000", "phone")

    assert type(refused.value.__cause__) is ModuleNotFoundError


@pytest.mark.parametrize("normalizer", ["email", "phone", "casefold"])
@pytest.mark.parametrize(
    "value",
    [
        "a@xn--" + "a" * 600_000,
        "a@" + "xn--a." * 100_000,
        "a@" + "ü." * 300_000,
        "+" + "1" * 600_000,
        "\ufdfa" * 600_000,  # 18 characters each in NFKC
        "a\u0316\u0301" * 300_000,
    ],
    ids=lambda value: ascii(value[:12]),
)
def test_a_value_that_is_too_long_is_refused_before_it_is_normalized(
    user_id, value, normalizer
):
    calls = calls_until_refused(user_id, value, normalizer)

    assert NORMALIZE not in calls
    assert calls.total() < 10_000


@pytest.mark.parametrize("normalizer", ["email", "phone"])
def test_512_characters_are_read(user_id, normalizer):
    assert NORMALIZE in calls_until_refused(user_id, "@" * 512, normalizer)
    assert NORMALIZE not in calls_until_refused(user_id, "@" * 513, normalizer)


@settings(max_examples=1000)
@given(
    value=st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.uuids(),
        st.binary(),
        st.floats(),
        st.text(max_size=200),
        st.text(st.characters(categories=["Cc", "Cs", "Cf", "Zs"]), max_size=5),
    ),
    normalizer=st.sampled_from([None, "email", "phone", "casefold"]),
)
def test_any_value_gives_an_id_that_layer_accepts_or_a_refusal(value, normalizer):
    layer_identity = {
        "USER_ID": lambda context: value,
        "USER_ID_NORMALIZER": normalizer,
    }
    with override_settings(LAYER_IDENTITY=layer_identity):
        try:
            user_id = compute_user_id(MappingContext(User(), LayerApp()))
        except (UserIDUnavailable, UserIDFailed):
            return

    assert type(user_id) is str
    assert 0 < len(user_id.strip()) <= len(user_id) <= 128
    assert not has_unprintable(user_id)
    assert user_id != "None"
    assert not isinstance(value, (bool, bytes, float, type(None)))


@pytest.mark.parametrize(
    "verified",
    [
        None,
        True,
        "is_active",
        "date_joined",
        lambda context: True,
        lambda context: 1,
        lambda context: datetime(2026, 1, 1, tzinfo=timezone.utc),
        "tests.mapping.test_normalized_ids:is_new",
    ],
)
def test_a_user_with_a_verified_value_gets_it(user_id, verified):
    assert user_id("alice", USER_ID_VERIFIED=verified) == "alice"


def is_new(context):
    return context.user._state.adding


@pytest.mark.parametrize(
    "verified",
    [
        False,
        "is_staff",
        "last_login",
        "profile.pk",
        lambda context: False,
        lambda context: None,
        lambda context: 0,
    ],
)
def test_a_user_with_an_unverified_value_is_refused(user_id, verified):
    with pytest.raises(UserIDUnavailable, match="is not verified"):
        user_id("alice", USER_ID_VERIFIED=verified)


@pytest.mark.parametrize(
    ("verified", "reason"),
    [
        (
            lambda context: "no",
            "USER_ID_VERIFIED must return a bool, a date or None, not str.",
        ),
        (
            lambda context: [],
            "USER_ID_VERIFIED must return a bool, a date or None, not list.",
        ),
        (
            "groups.all",
            "USER_ID_VERIFIED must return a bool, a date or None, not QuerySet.",
        ),
        ("nowhere", "'nowhere' does not exist: User has no attribute 'nowhere'."),
    ],
)
def test_an_invalid_user_id_verified_is_a_server_error(
    user_id, alice, settings, verified, reason
):
    configure(settings, USER_ID_VERIFIED=verified)

    with pytest.raises(UserIDFailed) as refused:
        compute_user_id(MappingContext(alice, LayerApp()))

    assert str(refused.value.__cause__) == reason


def test_an_unverified_user_gets_no_token(settings, key, alice):
    configure(
        settings, USER_ID="email", USER_ID_VERIFIED="profile.phone_number.isdigit"
    )
    alice.email = "alice@example.com"
    profile = Profile.objects.create(user=alice, phone_number="pending")

    assert read(ask(alice, nonce=NONCE)) == refusal(
        409,
        "user_id_unavailable",
        "This user's Layer user ID is not verified: verify it, then try again.",
    )

    profile.phone_number = "17"
    status, body = read(ask(alice, nonce=NONCE))
    assert (status, decode(body["identity_token"], key)["prn"]) == (
        200,
        "alice@example.com",
    )
