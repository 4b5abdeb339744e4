from __future__ import annotations

import pytest
from django.core.checks import Error, Warning

from tests.checks import found

identify = str  # any callable will do


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
        (
            "tests.checks.test_users:__name__",
            "'tests.checks.test_users:__name__' is not callable.",
        ),
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


@pytest.mark.parametrize(
    "source", ["username", "tests.checks.test_users:identify", identify]
)
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
