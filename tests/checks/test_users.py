from __future__ import annotations

import pytest
from django.core.checks import Error, Warning

from tests.checks import deployed, found

identify = str  # any callable will do


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("nickname", "User has no attribute 'nickname'."),
        ("nowhere.at_all", "User has no attribute 'nowhere'."),
        (7, "expected a string or a callable, not int."),
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
def test_an_invalid_source_of_user_ids_is_reported(settings, source, problem):
    assert found(settings, USER_ID=source) == [
        Error(
            f"LAYER_IDENTITY['USER_ID'] is invalid: {problem}",
            hint=(
                'Use an attribute path such as "username" or "profile.phone_number", a '
                'callable, or "module:function".'
            ),
            id="layer_identity.E005",
        )
    ]


@pytest.mark.parametrize(
    "source", ["username", "tests.checks.test_users:identify", identify]
)
def test_a_valid_source_of_user_ids_is_accepted(settings, source):
    assert not found(settings, USER_ID=source)


@pytest.mark.parametrize("claims", ["first_name", ["first_name"]])
def test_claims_of_the_wrong_type_are_reported(settings, claims):
    assert found(settings, CLAIMS=claims) == [
        Error(
            f"LAYER_IDENTITY['CLAIMS'] must be a dict or None, not {claims!r}.",
            hint='For example: {"display_name": "get_full_name"}.',
            id="layer_identity.E006",
        )
    ]


def test_an_empty_dict_of_claims_is_reported(settings):
    assert found(settings, CLAIMS={}) == [
        Warning(
            "LAYER_IDENTITY['CLAIMS'] is an empty dict. It is merged over the default, "
            "so it changes nothing.",
            hint="Remove it, or set it to None to send no profile claims.",
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
            "Known names: display_name, first_name, last_name, avatar_url, public_key, "
            "phone_number, email_address, identity_type, metadata.",
        ),
    ],
)
def test_an_unknown_claim_is_reported(settings, name, hint):
    assert found(settings, CLAIMS={name: "username", "first_name": "first_name"}) == [
        Warning(
            f"LAYER_IDENTITY['CLAIMS'] has the claim {name!r}, which Layer does not "
            "know. It is never sent.",
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
def test_deploy_reports_a_claim_that_discloses_a_secret_or_an_address(
    settings, name, source, what
):
    assert deployed(settings, CLAIMS={name: source}) == [
        Warning(
            f"The claim {name!r} shows {what} to every chat partner.",
            hint="Use another source for it in LAYER_IDENTITY['CLAIMS'].",
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
def test_a_harmless_claim_is_accepted(settings, name, source):
    assert deployed(settings, CLAIMS={name: source}) == []


def test_a_claim_with_an_invalid_source_is_reported(settings):
    assert found(settings, CLAIMS={"avatar_url": "avatar.url"}) == [
        Warning(
            "The claim 'avatar_url' is always left out: User has no attribute 'avatar'.",
            hint="Correct its source in LAYER_IDENTITY['CLAIMS'], or remove it.",
            id="layer_identity.W002",
        )
    ]


def test_a_reserved_claim_is_reported(settings):
    claims = {"prn": "username", "display_name": "username", "exp": "date_joined"}

    assert found(settings, CLAIMS=claims) == [
        Error(
            f"LAYER_IDENTITY['CLAIMS'] has the reserved claim {name!r}, which only this "
            "package may set.",
            hint=(
                "Remove it. The Layer user ID comes from LAYER_IDENTITY['USER_ID'], and "
                "the expiry time from LAYER_IDENTITY['TOKEN_LIFETIME']."
            ),
            id="layer_identity.E024",
        )
        for name in ("exp", "prn")
    ]


def test_every_claim_of_layer_is_accepted(settings):
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
def test_a_base_url_that_is_not_an_origin_is_reported(settings, url):
    shown = repr(url).replace("alice:secret", "…")

    assert found(settings, PUBLIC_BASE_URL=url) == [
        Error(
            "LAYER_IDENTITY['PUBLIC_BASE_URL'] must be an origin (scheme, host and port "
            f"only) or None, not {shown}.",
            hint='For example: "https://example.com".',
            id="layer_identity.E025",
        )
    ]


@pytest.mark.parametrize(
    "url", ["https://example.com", "http://localhost:8000/", "http://[::1]:8000"]
)
def test_an_origin_is_accepted(settings, url):
    assert not found(settings, PUBLIC_BASE_URL=url)
