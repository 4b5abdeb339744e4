from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import checks
from django.core.checks import Error, Warning

from django_layer_identity.checks.settings import KNOWN
from tests.checks import found

identify = str  # any callable will do


def test_a_project_without_settings_is_fine(settings):
    del settings.LAYER_IDENTITY

    assert checks.run_checks(tags=["layer_identity"]) == []


def test_a_project_with_every_setting_is_fine(settings):
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
        ("NONCE_CACHE_ALIAS", "Did you mean 'CACHE_ALIAS'?"),
        ("token_lifetime", "Did you mean 'TOKEN_LIFETIME'?"),
        ("COLOUR", f"Known: {', '.join(KNOWN)}."),
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


def test_a_setting_that_is_no_dict_is_left_to_the_other_check(settings):
    settings.LAYER_IDENTITY = None

    messages = checks.run_checks(databases=[], include_deployment_checks=True)

    ours = [message.id for message in messages if "layer_identity" in message.id]
    assert ours == ["layer_identity.E001"]


def test_checks_ask_no_database(settings, django_assert_num_queries, db):
    with django_assert_num_queries(0):
        checks.run_checks(tags=["layer_identity", "security"])
