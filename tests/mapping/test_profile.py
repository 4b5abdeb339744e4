"""Profile claims: values are sent, and errors never stop a login."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError
from django.utils.functional import lazy, lazystr

from django_layer_identity.mapping import MappingContext
from django_layer_identity.mapping.claims import profile_claims
from django_layer_identity.models import LayerApp
from tests.endpoint import NONCE, ask, configure, decode, read
from tests.models import Member, Profile


def claims_of(user):
    return profile_claims(MappingContext(user, LayerApp()))


@pytest.fixture
def display_name(settings):
    """Return the claim for a value."""

    def display_name(value):
        configure(settings, CLAIMS={"display_name": lambda context: value})
        return claims_of(User()).get("display_name")

    return display_name


@pytest.fixture
def avatar_url(settings):
    """Return the claim for a value."""

    def avatar_url(value):
        configure(settings, CLAIMS={"avatar_url": lambda context: value})
        return claims_of(User()).get("avatar_url")

    return avatar_url


def fail(*args):
    raise LookupError("the directory is down")


def test_names_are_the_default():
    assert claims_of(User(first_name="Alice", last_name="Liddell")) == {
        "display_name": "Alice Liddell",
        "first_name": "Alice",
        "last_name": "Liddell",
    }


def test_empty_names_are_left_out():
    assert claims_of(User(first_name="Alice")) == {
        "display_name": "Alice",
        "first_name": "Alice",
    }


def test_defaults_that_the_user_model_lacks_are_skipped_without_a_log_line(caplog):
    assert claims_of(Member(email="zoe@example.com")) == {}
    assert caplog.messages == []


def test_claims_come_from_attributes_methods_and_callables(settings):
    user = User(username="alice")
    user.profile = Profile(phone_number="+441865000000")
    configure(
        settings,
        CLAIMS={
            "public_key": "profile.phone_number",
            "display_name": "get_username",
            "avatar_url": lambda context: f"https://example.com/{context.user}.png",
        },
    )

    assert claims_of(user) == {
        "display_name": "alice",
        "avatar_url": "https://example.com/alice.png",
        "public_key": "+441865000000",
    }


def test_claims_are_merged_over_the_default(settings):
    configure(settings, CLAIMS={"public_key": "username", "first_name": "username"})

    assert claims_of(User(username="alice", last_name="Liddell")) == {
        "display_name": "Liddell",
        "first_name": "alice",
        "last_name": "Liddell",
        "public_key": "alice",
    }


@pytest.mark.parametrize("name", ["display_name", "first_name", "last_name"])
def test_one_claim_of_the_default_is_removed(settings, name):
    alice = User(first_name="Alice", last_name="Liddell")
    default = claims_of(alice)
    configure(settings, CLAIMS={name: None})

    assert claims_of(alice) == {one: default[one] for one in default if one != name}


def test_claims_of_none_sends_no_claims(settings):
    configure(settings, CLAIMS=None)

    assert claims_of(User(first_name="Alice")) == {}


def test_an_empty_dict_of_claims_leaves_the_default(settings):
    configure(settings, CLAIMS={})

    assert claims_of(User(first_name="Alice")) == {
        "display_name": "Alice",
        "first_name": "Alice",
    }


def test_an_invalid_setting_does_not_stop_a_login(settings, caplog):
    configure(settings, CLAIMS=["first_name"])

    assert claims_of(User(first_name="Alice")) == {}
    assert caplog.messages == ["All claims left out: the setting CLAIMS is invalid."]


@pytest.mark.parametrize("name", ["prn", "iss", "exp", "nce", "iat", "role"])
def test_unknown_and_reserved_claims_are_ignored(settings, name):
    configure(settings, CLAIMS={name: lambda context: "forged"})

    assert claims_of(User()) == {}


@pytest.mark.parametrize(
    ("value", "claim"),
    [
        ("Zoë 東京 😀", "Zoë 東京 😀"),
        ("  Alice  ", "Alice"),
        (lazystr("Alice"), "Alice"),
        ("x" * 128, "x" * 128),
        ("x" * 129, "x" * 128),
        ("x" * 127 + " y", "x" * 127),
        ("A\x00li\nce\x7f\x85", "Alice"),
        ("\u202eecilA\u202c", "ecilA"),
        ("\u2066A\u2069\u200f\u061c", "A"),
        ("A\ud800", "A"),
        ("👩\u200d👧", "👩\u200d👧"),
        ("\u202e \n", None),
        ("", None),
        (None, None),
    ],
    ids=ascii,
)
def test_a_name_is_made_safe_and_short(display_name, value, claim):
    assert display_name(value) == claim


@pytest.mark.parametrize(
    "character",
    ["e\u0301", "क\u093f", "1\u20dd", "e\u0301\u0302", "❤\ufe0f", "👍🏽", "👩\u200d👧"],
    ids=ascii,
)
def test_a_long_name_is_cut_before_a_character_that_does_not_fit(
    display_name, character
):
    for room in range(1, len(character)):
        start = "x" * (128 - room)

        assert display_name(start + character) == start


def test_a_long_name_is_cut_after_a_character_that_fits(display_name):
    name = "x" * 121 + "e\u0301" + "👩🏽\u200d👧🏽"

    assert display_name(name + "!") == name


@pytest.mark.parametrize("value", [" ", "", None])
def test_an_empty_url_is_left_out(avatar_url, value):
    assert avatar_url(value) is None


def test_a_url_that_is_too_long_is_left_out(caplog, avatar_url):
    host = "https://example.com/"

    assert avatar_url(host + "x" * 1004) == host + "x" * 1004
    assert avatar_url(host + "x" * 1005) is None
    assert caplog.messages == [
        "Claim avatar_url left out: it has more than 1024 characters."
    ]


def test_a_public_key_has_no_limit(settings):
    configure(settings, CLAIMS={"public_key": lambda context: "k" * 10_000})

    assert claims_of(User()) == {"public_key": "k" * 10_000}


@pytest.mark.parametrize(
    ("value", "kind"), [(17, "int"), (True, "bool"), (b"x", "bytes"), (["x"], "list")]
)
def test_a_value_that_is_not_text_is_left_out(caplog, display_name, value, kind):
    assert display_name(value) is None
    assert caplog.messages == [
        f"Claim display_name left out: it must be text, not {kind}."
    ]


@pytest.mark.parametrize(
    "source", ["nickname", "_state", "delete", "no.such:function", "username.nothing"]
)
def test_a_source_that_does_not_exist_is_left_out(settings, caplog, source):
    configure(settings, CLAIMS={"display_name": source})

    assert claims_of(User(username="alice")) == {}
    assert caplog.messages == [
        "Claim display_name left out: its source does not exist."
    ]


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_after_a_database_error_no_other_source_is_read(settings, caplog, error):
    def fail(context):
        raise error("server closed the connection")

    sources = dict.fromkeys(["first_name", "last_name", "avatar_url"], fail)
    configure(settings, CLAIMS={"display_name": "username", **sources})

    assert claims_of(User(username="alice")) == {"display_name": "alice"}
    assert len(caplog.messages) == 1


def test_claims_that_fail_do_not_stop_a_login(settings, caplog, key, alice):
    configure(
        settings,
        CLAIMS={
            "display_name": fail,
            "first_name": lambda context: lazy(fail, str)(),
            "last_name": "last_name",
        },
    )

    status, body = read(ask(alice, nonce=NONCE))

    assert status == 200
    claims = decode(body["identity_token"], key)
    assert sorted(claims) == ["exp", "iat", "iss", "last_name", "nce", "prn"]
    assert caplog.messages[:2] == [
        "Claim display_name left out: its source failed.",
        "Claim first_name left out: its source failed.",
    ]
    assert "LookupError: the directory is down" in caplog.text
