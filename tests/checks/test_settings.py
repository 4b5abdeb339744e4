from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import checks
from django.core.checks import Error, Warning

from django_layer_identity.checks.settings import KNOWN
from tests.checks import assert_documented, found

identify = str  # any callable will do


def test_a_project_without_settings_is_accepted(settings):
    del settings.LAYER_IDENTITY

    assert checks.run_checks(tags=["layer_identity"]) == []


def test_a_project_with_every_setting_is_accepted(settings):
    assert not found(
        settings,
        KEY_ENCRYPTION_KEYS=["x" * 32, "y" * 64],
        USER_ID="username",
        USER_ID_NORMALIZER="casefold",
        PHONE_REGION="GB",
        USER_ID_VERIFIED="is_active",
        CLAIMS={"display_name": "get_full_name", "avatar_url": identify},
        PUBLIC_BASE_URL="https://example.com",
        TOKEN_LIFETIME=timedelta(hours=24),
        CLOCK_SKEW=timedelta(0),
        CACHE_ALIAS="default",
        NONCE_GUARD="database",
        NONCE_GUARD_FAILURE="refuse",
        AUTHENTICATION_CLASSES=["rest_framework.authentication.TokenAuthentication"],
        PERMISSION_CLASSES=["rest_framework.permissions.IsAuthenticated"],
        SANDBOX=None,
    )


@pytest.mark.parametrize("value", [None, [], "USER_ID"])
def test_the_setting_is_a_dict(settings, value):
    settings.LAYER_IDENTITY = value

    messages = checks.run_checks(tags=["layer_identity"])

    assert_documented(messages)
    assert messages == [
        Error(
            f"LAYER_IDENTITY must be a dict, not {type(value).__name__}.",
            hint='For example: LAYER_IDENTITY = {"USER_ID": "get_username"}.',
            id="layer_identity.E001",
        )
    ]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("TOKEN_LIFETIM", "Did you mean 'TOKEN_LIFETIME'?"),
        ("NONCE_CACHE_ALIAS", "Did you mean 'CACHE_ALIAS'?"),
        ("token_lifetime", "Did you mean 'TOKEN_LIFETIME'?"),
        ("COLOUR", f"Known names: {', '.join(KNOWN)}."),
    ],
)
def test_an_unknown_key_is_reported(settings, name, hint):
    assert found(settings, **{name: 1}) == [
        Warning(
            f"LAYER_IDENTITY has the unknown key {name!r}. It has no effect.",
            hint=hint,
            id="layer_identity.W001",
        )
    ]


@pytest.mark.parametrize(
    "lifetime",
    [
        300,
        None,
        timedelta(0),
        timedelta(minutes=-5),
        timedelta(seconds=29),
        timedelta(hours=24, seconds=1),
    ],
)
def test_a_token_lifetime_is_a_timedelta_from_half_a_minute_to_a_day(
    settings, lifetime
):
    assert found(settings, TOKEN_LIFETIME=lifetime) == [
        Error(
            "LAYER_IDENTITY['TOKEN_LIFETIME'] must be a timedelta from 30 seconds to 24 "
            f"hours, not {lifetime!r}.",
            hint="For example: datetime.timedelta(minutes=5).",
            id="layer_identity.E002",
        )
    ]


def test_the_shortest_token_lifetime_is_accepted(settings):
    assert found(settings, TOKEN_LIFETIME=timedelta(seconds=30)) == []


@pytest.mark.parametrize(
    "skew", [5, timedelta(seconds=-1), timedelta(minutes=5, seconds=1)]
)
def test_a_clock_skew_is_a_small_timedelta(settings, skew):
    assert found(settings, CLOCK_SKEW=skew) == [
        Error(
            "LAYER_IDENTITY['CLOCK_SKEW'] must be a timedelta from 0 to 5 minutes, not "
            f"{skew!r}.",
            hint="For example: datetime.timedelta(seconds=5).",
            id="layer_identity.E003",
        )
    ]


def test_deploy_does_not_repeat_a_setting_of_the_wrong_type(settings):
    settings.LAYER_IDENTITY = None

    messages = checks.run_checks(databases=[], include_deployment_checks=True)

    ours = [message.id for message in messages if "layer_identity" in message.id]
    assert ours == ["layer_identity.E001"]


def test_checks_do_not_query_the_database(settings, django_assert_num_queries, db):
    with django_assert_num_queries(0):
        checks.run_checks(tags=["layer_identity", "security"])
