from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import checks
from django.core.checks import Error, Warning


def found(settings, **layer_identity):
    settings.LAYER_IDENTITY = layer_identity
    return checks.run_checks(tags=["layer_identity"])


identify = str  # any callable will do


def test_a_project_without_settings_is_fine(settings):
    del settings.LAYER_IDENTITY

    assert checks.run_checks(tags=["layer_identity"]) == []


def test_a_project_with_every_setting_is_fine(settings):
    assert not found(
        settings,
        KEY_ENCRYPTION_KEYS=["x" * 32, "y" * 64],
        USER_ID="email",
        CLAIMS={"display_name": "get_full_name", "avatar_url": identify},
        TOKEN_LIFETIME=timedelta(hours=24),
        CLOCK_SKEW=timedelta(0),
        AUTHENTICATION_CLASSES=["rest_framework.authentication.TokenAuthentication"],
        PERMISSION_CLASSES=["rest_framework.permissions.IsAuthenticated"],
        SANDBOX=None,
    )


@pytest.mark.parametrize("value", [None, [], "USER_ID"])
def test_the_setting_is_a_dict(settings, value):
    settings.LAYER_IDENTITY = value

    assert checks.run_checks(tags=["layer_identity"]) == [
        Error(
            "LAYER_IDENTITY must be a dict.",
            hint='For example: LAYER_IDENTITY = {"USER_ID": "get_username"}.',
            id="layer_identity.E001",
        )
    ]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("TOKEN_LIFETIM", "Did you mean 'TOKEN_LIFETIME'?"),
        ("token_lifetime", "Did you mean 'TOKEN_LIFETIME'?"),
        (
            "COLOUR",
            "Known: KEY_ENCRYPTION_KEYS, USER_ID, CLAIMS, TOKEN_LIFETIME, CLOCK_SKEW, "
            "AUTHENTICATION_CLASSES, PERMISSION_CLASSES, SANDBOX.",
        ),
    ],
)
def test_a_misspelt_key_is_noticed(settings, name, hint):
    assert found(settings, **{name: 1}) == [
        Warning(
            f"LAYER_IDENTITY has an unknown key {name!r}.",
            hint=hint,
            id="layer_identity.W001",
        )
    ]


@pytest.mark.parametrize(
    "lifetime",
    [300, None, timedelta(0), timedelta(minutes=-5), timedelta(hours=24, seconds=1)],
)
def test_a_token_lifetime_is_a_timedelta_up_to_a_day(settings, lifetime):
    assert found(settings, TOKEN_LIFETIME=lifetime) == [
        Error(
            "LAYER_IDENTITY['TOKEN_LIFETIME'] must be a timedelta of up to 24 hours.",
            hint="For example: datetime.timedelta(minutes=5).",
            id="layer_identity.E002",
        )
    ]


@pytest.mark.parametrize(
    "skew", [5, timedelta(seconds=-1), timedelta(minutes=5, seconds=1)]
)
def test_a_clock_skew_is_a_small_timedelta(settings, skew):
    assert found(settings, CLOCK_SKEW=skew) == [
        Error(
            "LAYER_IDENTITY['CLOCK_SKEW'] must be a timedelta of up to 5 minutes.",
            hint="For example: datetime.timedelta(seconds=5).",
            id="layer_identity.E003",
        )
    ]


@pytest.mark.parametrize("entries", ["x" * 32, ["x" * 31], [b"x" * 32], None, [""]])
def test_encryption_keys_are_long_strings(settings, entries):
    assert found(settings, KEY_ENCRYPTION_KEYS=entries) == [
        Error(
            "LAYER_IDENTITY['KEY_ENCRYPTION_KEYS'] must be a list of strings of 32 "
            "characters or more.",
            hint="“manage.py layer_encryption_key” makes one.",
            id="layer_identity.E004",
        )
    ]


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("nickname", "User has no 'nickname'."),
        ("nowhere.at_all", "User has no 'nowhere'."),
        (7, "it is a int."),
        (
            "tests.nowhere:identify",
            "'tests.nowhere:identify' cannot be imported: No module named "
            "'tests.nowhere'",
        ),
        ("tests.test_checks:__name__", "'tests.test_checks:__name__' is not callable."),
    ],
)
def test_a_user_id_comes_from_somewhere(settings, source, complaint):
    assert found(settings, USER_ID=source) == [
        Error(
            f"LAYER_IDENTITY['USER_ID'] leads nowhere: {complaint}",
            hint=(
                'An attribute path such as "username" or "profile.phone_number", a '
                'callable, or "module:function".'
            ),
            id="layer_identity.E005",
        )
    ]


@pytest.mark.parametrize("source", ["email", "tests.test_checks:identify", identify])
def test_a_user_id_comes_from_a_path_or_a_callable(settings, source):
    assert not found(settings, USER_ID=source)


@pytest.mark.parametrize("claims", [None, ["first_name"], {"prn": "username"}])
def test_claims_are_those_that_layer_knows(settings, claims):
    assert found(settings, CLAIMS=claims)[:1] == [
        Error(
            "LAYER_IDENTITY['CLAIMS'] must be a dict of claims that Layer knows.",
            hint="Known: display_name, first_name, last_name, avatar_url, public_key.",
            id="layer_identity.E006",
        )
    ]


def test_a_claim_that_leads_nowhere_is_noticed(settings):
    assert found(settings, CLAIMS={"avatar_url": "avatar.url"}) == [
        Warning(
            "The claim 'avatar_url' is always left out: User has no 'avatar'.",
            hint="Correct or remove it in LAYER_IDENTITY['CLAIMS'].",
            id="layer_identity.W002",
        )
    ]


@pytest.mark.parametrize("name", ["AUTHENTICATION_CLASSES", "PERMISSION_CLASSES"])
@pytest.mark.parametrize(
    "value",
    [
        "rest_framework.permissions.AllowAny",
        7,
        [7],
        ["rest_framework.permissions.AllowAnyone"],
        ["rest_framework.nowhere.AllowAny"],
        ["AllowAny"],
        ["rest_framework.permissions.SAFE_METHODS"],
    ],
)
def test_classes_come_in_a_list(settings, name, value):
    assert found(settings, **{name: value}) == [
        Error(
            f"LAYER_IDENTITY[{name!r}] must be a list of classes or their dotted paths.",
            hint='For example: ["rest_framework.authentication.TokenAuthentication"].',
            id="layer_identity.E007",
        )
    ]


def deployed(settings, **layer_identity):
    settings.LAYER_IDENTITY = {"KEY_ENCRYPTION_KEYS": ["x" * 32], **layer_identity}
    messages = checks.run_checks(tags=["security"], include_deployment_checks=True)
    return [message for message in messages if "layer_identity" in message.id]


SANDBOX_ANSWERS = Warning(
    "The sandbox answers: whoever reaches it can use it in Layer's place.",
    hint=(
        "Remove django_layer_identity.sandbox from INSTALLED_APPS, or set DEBUG to "
        "False and LAYER_IDENTITY['SANDBOX'] to None."
    ),
    id="layer_identity.W003",
)


def test_a_sandbox_that_answers_is_named_before_going_live(settings):
    assert deployed(settings, SANDBOX=True) == [SANDBOX_ANSWERS]


def test_a_sandbox_that_answers_by_debug_is_named_too(settings):
    settings.DEBUG = True

    assert deployed(settings) == [SANDBOX_ANSWERS]


def test_a_sandbox_that_is_silent_is_fine(settings):
    assert deployed(settings) == []


def test_a_project_without_the_sandbox_is_fine(settings):
    settings.INSTALLED_APPS = [
        name for name in settings.INSTALLED_APPS if not name.endswith(".sandbox")
    ]

    assert deployed(settings, SANDBOX=True) == []


def test_a_setting_that_is_no_dict_is_left_to_the_other_check(settings):
    settings.LAYER_IDENTITY = None

    messages = checks.run_checks(include_deployment_checks=True)

    ours = [message.id for message in messages if "layer_identity" in message.id]
    assert ours == ["layer_identity.E001"]


def test_missing_encryption_keys_are_named_before_going_live(settings):
    assert deployed(settings, KEY_ENCRYPTION_KEYS=[]) == [
        Warning(
            "LAYER_IDENTITY['KEY_ENCRYPTION_KEYS'] is empty: no signing key can be "
            "stored or used.",
            hint="“manage.py layer_encryption_key” makes an entry.",
            id="layer_identity.W004",
        )
    ]


def test_checks_ask_no_database(settings, django_assert_num_queries, db):
    with django_assert_num_queries(0):
        checks.run_checks(tags=["layer_identity", "security"])
