from __future__ import annotations

import pytest
from django.core.checks import Error, Warning

from tests.checks import deployed, found

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


@pytest.mark.parametrize("claims", ["first_name", ["first_name"]])
def test_claims_are_a_dict(settings, claims):
    assert found(settings, CLAIMS=claims) == [
        Error(
            "LAYER_IDENTITY['CLAIMS'] must be a dict or None.",
            hint='For example: {"display_name": "get_full_name"}.',
            id="layer_identity.E006",
        )
    ]


def test_an_empty_dict_of_claims_changes_nothing_and_says_so(settings):
    assert found(settings, CLAIMS={}) == [
        Warning(
            "LAYER_IDENTITY['CLAIMS'] is an empty dict, which changes nothing: it is "
            "merged over the default.",
            hint="Remove it, or set None to send no profile claim.",
            id="layer_identity.W007",
        )
    ]


@pytest.mark.parametrize("claims", [None, {"display_name": None, "metadata": None}])
def test_claims_can_be_removed(settings, claims):
    assert not found(settings, CLAIMS=claims)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("displayName", "Did you mean 'display_name'?"),
        ("avatar", "Did you mean 'avatar_url'?"),
        (
            7,
            "Known: display_name, first_name, last_name, avatar_url, public_key, "
            "phone_number, email_address, identity_type, metadata.",
        ),
    ],
)
def test_a_claim_that_layer_does_not_know_is_named(settings, name, hint):
    assert found(settings, CLAIMS={name: "username", "first_name": "first_name"}) == [
        Warning(
            f"LAYER_IDENTITY['CLAIMS'] has {name!r}, which Layer does not know: it is "
            "never sent.",
            hint=hint,
            id="layer_identity.W005",
        )
    ]


@pytest.mark.parametrize(
    ("name", "source", "what"),
    [
        ("public_key", "password", "a secret (password)"),
        ("metadata", "get_session_auth_hash", "a secret (get_session_auth_hash)"),
        ("email_address", "auth_token.key", "a secret (auth_token.key)"),
        ("display_name", "email", "the user's e-mail address"),
        ("first_name", "email.lower", "the user's e-mail address"),
    ],
)
def test_a_claim_that_discloses_is_named_before_going_live(
    settings, name, source, what
):
    assert deployed(settings, CLAIMS={name: source}) == [
        Warning(
            f"The claim {name!r} shows {what} to every chat partner.",
            hint="Name another source in LAYER_IDENTITY['CLAIMS'].",
            id="layer_identity.W006",
        )
    ]


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("email_address", "email"),
        ("display_name", "username"),
        ("display_name", "accounts.tokens:name"),
        ("display_name", identify),
    ],
)
def test_a_claim_that_was_asked_for_is_fine(settings, name, source):
    assert deployed(settings, CLAIMS={name: source}) == []


def test_a_claim_that_leads_nowhere_is_noticed(settings):
    assert found(settings, CLAIMS={"avatar_url": "avatar.url"}) == [
        Warning(
            "The claim 'avatar_url' is always left out: User has no 'avatar'.",
            hint="Correct or remove it in LAYER_IDENTITY['CLAIMS'].",
            id="layer_identity.W002",
        )
    ]


def test_a_reserved_claim_is_refused(settings):
    claims = {"prn": "username", "display_name": "username", "exp": "date_joined"}

    assert found(settings, CLAIMS=claims) == [
        Error(
            f"LAYER_IDENTITY['CLAIMS'] has {name!r}, which is reserved.",
            hint=(
                "It says who the token is for and until when: remove it. Layer user IDs "
                "come from LAYER_IDENTITY['USER_ID'], times from 'TOKEN_LIFETIME'."
            ),
            id="layer_identity.E024",
        )
        for name in ("exp", "prn")
    ]


def test_claims_by_choice_are_fine(settings):
    claims = dict.fromkeys(
        ["phone_number", "email_address", "identity_type", "metadata"], identify
    )

    assert not found(settings, CLAIMS=claims)


@pytest.mark.parametrize(
    "url",
    [
        "example.com",
        "ftp://example.com",
        "https://",
        "https://example.com/media/",
        "https://example.com?a=b",
        "https://alice:secret@example.com",
        "//example.com",
        "",
        7,
    ],
)
def test_a_base_url_is_an_origin(settings, url):
    assert found(settings, PUBLIC_BASE_URL=url) == [
        Error(
            f"LAYER_IDENTITY['PUBLIC_BASE_URL'] is no origin: {url!r}.",
            hint='Scheme, host and port alone, such as "https://example.com".',
            id="layer_identity.E025",
        )
    ]


@pytest.mark.parametrize(
    "url", ["https://example.com", "http://localhost:8000/", "http://[::1]:8000"]
)
def test_an_origin_is_fine(settings, url):
    assert not found(settings, PUBLIC_BASE_URL=url)
