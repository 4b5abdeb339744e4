from __future__ import annotations

import sys

import pytest
from django.contrib.auth.models import User
from django.core.checks import Error, Warning
from phonenumber_field.modelfields import PhoneNumberField

from django_layer_identity.checks.users import is_phone
from tests.checks import found

VERIFIED = {"USER_ID_VERIFIED": "is_active"}


def ids(messages):
    return [message.id.removeprefix("layer_identity.") for message in messages]


identify = str  # any callable will do


@pytest.mark.parametrize("normalizer", ["e-mail", 7, "no.such:function"])
def test_an_unknown_normalizer_is_reported(settings, normalizer):
    [message] = found(settings, USER_ID_NORMALIZER=normalizer)

    assert (message.level, message.id) == (40, "layer_identity.E020")
    assert repr(normalizer) in message.msg


def test_the_message_about_a_normalizer_gives_the_reason(settings):
    assert found(settings, USER_ID_NORMALIZER="mail") == [
        Error(
            "LAYER_IDENTITY['USER_ID_NORMALIZER'] is invalid: Unknown normalizer: 'mail'. "
            "Known normalizers: email, phone, casefold.",
            hint='Use "email", "phone", "casefold", a callable, or "module:function".',
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
def test_a_valid_normalizer_is_accepted(settings, normalizer):
    assert not found(settings, USER_ID_NORMALIZER=normalizer)


@pytest.mark.parametrize(
    "normalizer", ["phone", "django_layer_identity.mapping.normalizers:phone"]
)
def test_a_missing_phone_extra_is_reported(settings, monkeypatch, normalizer):
    monkeypatch.setitem(sys.modules, "phonenumbers", None)

    messages = found(
        settings, USER_ID_NORMALIZER=normalizer, PHONE_REGION="XX", **VERIFIED
    )

    assert messages[0] == Error(
        "LAYER_IDENTITY['USER_ID_NORMALIZER'] needs the package phonenumbers, which is "
        "not installed.",
        hint='Install this package with its extra "phone", or install phonenumbers.',
        id="layer_identity.E021",
    )
    assert ids(messages) == ["E021", "W022"]


@pytest.mark.parametrize("region", ["UK", "gb", "", "+44", 44, ["GB"]])
def test_an_unknown_region_is_reported(settings, region):
    assert found(settings, PHONE_REGION=region) == [
        Error(
            "LAYER_IDENTITY['PHONE_REGION'] must be a region code or None, not "
            f"{region!r}.",
            hint='Use a code of two capital letters (ISO 3166-1), such as "GB".',
            id="layer_identity.E022",
        )
    ]


def test_a_known_region_is_accepted(settings):
    assert not found(settings, PHONE_REGION="GB")


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (False, "expected a string or a callable, not bool."),
        (1, "expected a string or a callable, not int."),
        ("email_verified", "User has no attribute 'email_verified'."),
        ("no.such:one", "'no.such:one' cannot be imported: No module named 'no'"),
    ],
)
def test_an_invalid_source_of_verification_is_reported(settings, source, problem):
    assert found(settings, USER_ID_VERIFIED=source) == [
        Error(
            f"LAYER_IDENTITY['USER_ID_VERIFIED'] is invalid: {problem}",
            hint=(
                'Use an attribute path such as "profile.email_verified_at", a callable, '
                '"module:function", or True.'
            ),
            id="layer_identity.E023",
        )
    ]


@pytest.mark.parametrize("source", [None, True, "is_active", identify])
def test_a_valid_source_of_verification_is_accepted(settings, source):
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
def test_an_address_needs_verification_and_is_disclosed(settings, changes, kind):
    assert found(settings, **changes) == [
        Warning(
            f"The Layer user ID is the user's {kind}, but "
            "LAYER_IDENTITY['USER_ID_VERIFIED'] is not set: a user can enter the "
            f"{kind} of another person first, and receive that person's messages.",
            hint=(
                "Set USER_ID_VERIFIED to the attribute that says whether the value is "
                "verified, or to True if unverified values are never stored in this "
                "field."
            ),
            id="layer_identity.W020",
        ),
        Warning(
            f"The Layer user ID shows the user's {kind} to every chat partner.",
            hint=(
                'Use "pk" or "django_layer_identity.mapping.user_ids:random_uuid". If '
                "your users want to show it, silence this check."
            ),
            id="layer_identity.W022",
        ),
    ]


@pytest.mark.parametrize("source", ["email", "profile.phone_number"])
def test_a_field_with_an_address_needs_verification_and_is_disclosed(settings, source):
    assert ids(found(settings, USER_ID=source)) == ["W020", "W021", "W022"]
    assert ids(found(settings, USER_ID=source, **VERIFIED)) == ["W021", "W022"]


@pytest.mark.parametrize(
    "source", ["email.lower", "email.strip.lower", "profile.phone_number.strip"]
)
def test_a_method_of_an_address_is_an_address(settings, source):
    assert ids(found(settings, USER_ID=source)) == ["W020", "W021", "W022"]
    assert ids(found(settings, USER_ID=source, **VERIFIED)) == ["W021", "W022"]


def test_a_user_name_can_be_an_address(settings):
    settings.AUTH_USER_MODEL = "tests.Member"

    assert ids(found(settings)) == ["W020", "W022"]


def test_a_phone_field_is_recognized_by_its_class():
    field = PhoneNumberField()
    field.name = "mobile"

    assert is_phone([field])


def test_a_field_that_is_not_unique_is_reported(settings):
    assert found(settings, USER_ID="last_name") == [
        Warning(
            "LAYER_IDENTITY['USER_ID'] is 'last_name', and several users can have the "
            "same value.",
            hint=(
                "The first of these users gets the Layer user ID, and the others are "
                "refused. Make the field unique and use its value without a method, or "
                "use another field."
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
def test_a_path_to_values_that_are_not_unique_is_reported(settings, source):
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
def test_a_path_to_values_that_can_be_unique_is_accepted(settings, source):
    assert not found(settings, USER_ID=source)


def test_a_user_model_from_scratch_is_accepted(settings):
    settings.AUTH_USER_MODEL = "tests.Guest"

    assert ids(found(settings, USER_ID="id")) == []
    assert User.USERNAME_FIELD == "username"
