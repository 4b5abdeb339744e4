from __future__ import annotations

import sys

import pytest
from django.contrib.auth.models import User
from django.core.checks import Error, Warning
from phonenumber_field.modelfields import PhoneNumberField

from django_layer_identity.checks.users import is_phone
from tests.checks import found

PROVED = {"USER_ID_VERIFIED": "is_active"}


def ids(messages):
    return [message.id.removeprefix("layer_identity.") for message in messages]


identify = str  # any callable will do


@pytest.mark.parametrize("normalizer", ["e-mail", 7, "no.such:function"])
def test_a_normalizer_is_one_that_we_know_or_a_callable(settings, normalizer):
    [message] = found(settings, USER_ID_NORMALIZER=normalizer)

    assert (message.level, message.id) == (40, "layer_identity.E020")
    assert repr(normalizer) in message.msg


def test_what_is_wrong_with_a_normalizer_is_said(settings):
    assert found(settings, USER_ID_NORMALIZER="mail") == [
        Error(
            "LAYER_IDENTITY['USER_ID_NORMALIZER'] is of no use: Unknown normalizer: 'mail'. "
            "Known normalizers: email, phone, casefold.",
            hint='"email", "phone", "casefold", a callable, or "module:function".',
            id="layer_identity.E020",
        )
    ]


@pytest.mark.parametrize(
    "normalizer",
    [
        None,
        "casefold",
        str.lower,
        "django_layer_identity.mapping.normalizers:casefold",
    ],
)
def test_a_normalizer_that_is_there_is_fine(settings, normalizer):
    assert not found(settings, USER_ID_NORMALIZER=normalizer)


@pytest.mark.parametrize(
    "normalizer", ["phone", "django_layer_identity.mapping.normalizers:phone"]
)
def test_the_extra_for_phone_numbers_is_installed(settings, monkeypatch, normalizer):
    monkeypatch.setitem(sys.modules, "phonenumbers", None)

    messages = found(
        settings, USER_ID_NORMALIZER=normalizer, PHONE_REGION="XX", **PROVED
    )

    assert messages[0] == Error(
        "LAYER_IDENTITY['USER_ID_NORMALIZER'] needs the package phonenumbers.",
        hint='pip install "django-layer-identity[phone]"',
        id="layer_identity.E021",
    )
    assert ids(messages) == ["E021", "W022"]


@pytest.mark.parametrize("region", ["UK", "gb", "", "+44", 44, ["GB"]])
def test_a_region_is_one_that_there_is(settings, region):
    assert found(settings, PHONE_REGION=region) == [
        Error(
            f"LAYER_IDENTITY['PHONE_REGION'] is no region: {region!r}.",
            hint='Two capital letters of ISO 3166-1, such as "GB", or None.',
            id="layer_identity.E022",
        )
    ]


def test_a_region_that_there_is_is_fine(settings):
    assert not found(settings, PHONE_REGION="GB")


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        (False, "it is a bool."),
        (1, "it is a int."),
        ("email_verified", "User has no 'email_verified'."),
        ("no.such:one", "'no.such:one' cannot be imported: No module named 'no'"),
    ],
)
def test_a_proof_comes_from_somewhere(settings, source, complaint):
    assert found(settings, USER_ID_VERIFIED=source) == [
        Error(
            f"LAYER_IDENTITY['USER_ID_VERIFIED'] leads nowhere: {complaint}",
            hint=(
                'An attribute path such as "profile.email_verified_at", a callable, '
                '"module:function", or True.'
            ),
            id="layer_identity.E023",
        )
    ]


@pytest.mark.parametrize("source", [None, True, "is_active", identify])
def test_a_proof_that_is_one_is_fine(settings, source):
    assert not found(settings, USER_ID_VERIFIED=source)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"USER_ID": identify, "USER_ID_NORMALIZER": "email"}, "e-mail address"),
        (
            {
                "USER_ID": identify,
                "USER_ID_NORMALIZER": "django_layer_identity.mapping.normalizers:email_casefold",
            },
            "e-mail address",
        ),
        ({"USER_ID": identify, "USER_ID_NORMALIZER": "phone"}, "phone number"),
    ],
)
def test_an_address_is_proved_and_disclosed(settings, changes, kind):
    assert found(settings, **changes) == [
        Warning(
            f"Nobody has to prove that the {kind} behind his Layer user ID is his: "
            "LAYER_IDENTITY['USER_ID_VERIFIED'] is not set.",
            hint=(
                "Whoever enters another's first gets his messages. Name the attribute "
                "that says so, or set True if unproved ones never get into that field."
            ),
            id="layer_identity.W020",
        ),
        Warning(
            f"Each chat partner sees the user's {kind}: the Layer user ID discloses it.",
            hint=(
                'Take "pk", or '
                '"django_layer_identity.mapping.user_ids:random_uuid"; or silence this '
                "if your users want it so."
            ),
            id="layer_identity.W022",
        ),
    ]


@pytest.mark.parametrize("source", ["email", "profile.phone_number"])
def test_a_field_with_an_address_is_proved_unique_and_undisclosed(settings, source):
    assert ids(found(settings, USER_ID=source)) == ["W020", "W021", "W022"]
    assert ids(found(settings, USER_ID=source, **PROVED)) == ["W021", "W022"]


@pytest.mark.parametrize(
    "source", ["email.lower", "email.strip.lower", "profile.phone_number.strip"]
)
def test_what_is_made_of_an_address_is_one(settings, source):
    assert ids(found(settings, USER_ID=source)) == ["W020", "W021", "W022"]
    assert ids(found(settings, USER_ID=source, **PROVED)) == ["W021", "W022"]


def test_a_user_name_may_be_an_address(settings):
    settings.AUTH_USER_MODEL = "tests.Member"

    assert ids(found(settings)) == ["W020", "W022"]


def test_a_phone_field_is_told_by_its_class():
    field = PhoneNumberField()
    field.name = "mobile"

    assert is_phone([field])


def test_a_field_that_users_share_is_noticed(settings):
    assert found(settings, USER_ID="last_name") == [
        Warning(
            "LAYER_IDENTITY['USER_ID'] is 'last_name', and several users may have the "
            "same there.",
            hint=(
                "The first of them gets the Layer user ID and the others are refused. "
                "Make the field unique and name no method of it, or name another."
            ),
            id="layer_identity.W021",
        )
    ]


@pytest.mark.parametrize(
    "source",
    [
        "contact.shared",
        "contact.of_some",
        "contact.with_another",
        "contact.employer.own",
        "contact.employer_id",
        "contact",
        "groups",
        "logentry_set",
        "username.lower",
        "username.strip.lower",
        "get_username.lower",
        "contact.own.upper",
        "contact.employer.get_handle",
    ],
)
def test_what_the_database_lets_users_share_is_noticed(settings, source):
    assert ids(found(settings, USER_ID=source)) == ["W021"]


@pytest.mark.parametrize(
    "source",
    [
        "pk",
        "id",
        "username",
        "get_username",
        "contact.own",
        "contact.pk",
        "contact.user_id",
        "contact.user.username",
        "contact.by_constraint",
        "contact.by_folding",
        "contact.together",
        "contact.alone",
        "get_full_name",
        "contact.get_handle",
        "email.utils:parseaddr",
        identify,
    ],
)
def test_what_is_one_users_or_may_be_is_fine(settings, source):
    assert not found(settings, USER_ID=source)


def test_a_user_model_from_scratch_is_fine(settings):
    settings.AUTH_USER_MODEL = "tests.Guest"

    assert ids(found(settings, USER_ID="id")) == []
    assert User.USERNAME_FIELD == "username"
