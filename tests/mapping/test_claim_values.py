"""Claims other than names: how they are cleaned, and why some are left out."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db.models import FileField
from django.db.models.fields.files import FieldFile
from phonenumber_field.phonenumber import PhoneNumber

from django_layer_identity.mapping import MappingContext
from django_layer_identity.mapping.claims import profile_claims
from django_layer_identity.models import LayerApp
from tests.endpoint import NONCE, ask, configure, decode, read

PEM = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n"


@pytest.fixture
def claim(settings):
    """Return the claim for a value."""

    def claim(name, value, **changes):
        configure(settings, CLAIMS={name: lambda context: value}, **changes)
        return profile_claims(MappingContext(User(), LayerApp())).get(name)

    return claim


@pytest.mark.parametrize(
    ("value", "base", "url"),
    [
        ("https://example.com/a.png", None, "https://example.com/a.png"),
        ("HTTP://example.com:8080/a?b=c#d", None, "HTTP://example.com:8080/a?b=c#d"),
        (" https://example.com/a.png\u2003", None, "https://example.com/a.png"),
        ("https://[2001:db8::1]/a.png", None, "https://[2001:db8::1]/a.png"),
        ("https://bücher.example/ü.png", None, "https://bücher.example/ü.png"),
        ("https://a.com/a.png", "https://b.com", "https://a.com/a.png"),
        ("/media/a.png", "https://b.com", "https://b.com/media/a.png"),
        ("/media/a.png", "https://b.com/", "https://b.com/media/a.png"),
        ("media/a.png", "http://b.com:8080", "http://b.com:8080/media/a.png"),
        ("../../a.png", "https://b.com", "https://b.com/a.png"),
        ("//cdn.com/a.png", "https://b.com", "https://cdn.com/a.png"),
        ("?a=1", "https://b.com", "https://b.com?a=1"),
    ],
    ids=ascii,
)
def test_a_relative_url_is_completed(claim, value, base, url):
    assert claim("avatar_url", value, PUBLIC_BASE_URL=base) == url


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("/media/a.png", "it is relative, and PUBLIC_BASE_URL is not set"),
        ("a.png", "it is relative, and PUBLIC_BASE_URL is not set"),
        ("//cdn.com/a.png", "it is relative, and PUBLIC_BASE_URL is not set"),
        ("javascript:alert(1)", "it must be an http or https URL without a user name"),
        (
            "data:image/png;base64,AAAA",
            "it must be an http or https URL without a user name",
        ),
        (
            "ftp://example.com/a.png",
            "it must be an http or https URL without a user name",
        ),
        ("file:///etc/passwd", "it must be an http or https URL without a user name"),
        ("https:///a.png", "it must be an http or https URL without a user name"),
        ("https:a.png", "it must be an http or https URL without a user name"),
        (
            "https://alice:secret@example.com/",
            "it must be an http or https URL without a user name",
        ),
        (
            "https://alice@example.com/",
            "it must be an http or https URL without a user name",
        ),
        ("https://example.com:99999/", "it is not a valid URL"),
        ("https://example.com:port/", "it is not a valid URL"),
        ("https://[::1/a.png", "it is not a valid URL"),
        (
            "https://example.com/a b.png",
            "it has characters that are not allowed in a URL",
        ),
        (
            "https://example.com\\@evil.com/",
            "it must be an http or https URL without a user name",
        ),
        (
            "https://example.com\\a.png",
            "it has characters that are not allowed in a URL",
        ),
        ("https://example.com/<b>", "it has characters that are not allowed in a URL"),
        ("https://example.com/\u202egnp.a", "it has control characters"),
        ("http://x/\r\na", "it has control characters"),
        ("http://x/\x00", "it has control characters"),
        ("http://x/\ud800", "it has control characters"),
        (17, "it must be text, not int"),
    ],
    ids=ascii,
)
def test_an_invalid_url_is_left_out(claim, caplog, value, reason):
    assert claim("avatar_url", value) is None
    assert caplog.messages == [f"Claim avatar_url left out: {reason}."]


def test_the_length_of_a_relative_url_includes_its_origin(claim, caplog):
    base = "https://example.com"

    assert claim("avatar_url", "/" + "x" * 1010, PUBLIC_BASE_URL=base) is None
    assert caplog.messages == [
        "Claim avatar_url left out: it has more than 1024 characters."
    ]


def avatar_of(name):
    return FieldFile(User(), FileField(), name)


def test_a_file_field_uses_the_url_of_its_storage(settings, caplog):
    settings.MEDIA_URL = "/media/"
    configure(
        settings,
        CLAIMS={"avatar_url": "avatar.url"},
        PUBLIC_BASE_URL="https://example.com",
    )
    user = User()

    user.avatar = avatar_of("a ü.png")
    assert profile_claims(MappingContext(user, LayerApp())) == {
        "avatar_url": "https://example.com/media/a%20%C3%BC.png"
    }

    user.avatar = avatar_of("")
    assert profile_claims(MappingContext(user, LayerApp())) == {}
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("public_key", PEM, PEM),
        ("public_key", PEM.replace("\n", "\r\n"), "same"),
        ("public_key", "  ", None),
        ("phone_number", " +442070313000 ", "+442070313000"),
        ("phone_number", PhoneNumber.from_string("+442070313000"), "+442070313000"),
        ("phone_number", "1" * 32, "1" * 32),
        ("phone_number", "", None),
        ("phone_number", None, None),
        ("email_address", "alice@example.com", "alice@example.com"),
        ("email_address", "x" * 255, "x" * 255),
        ("identity_type", "user", "user"),
        ("identity_type", "bot", "bot"),
        ("identity_type", "", None),
        ("metadata", {"team": "red", "note": ""}, {"team": "red", "note": ""}),
        ("metadata", dict.fromkeys("0123456789abcdef", "x"), "same"),
        ("metadata", {}, None),
        ("metadata", None, None),
    ],
)
def test_an_optional_claim_is_cleaned(claim, caplog, name, value, expected):
    assert claim(name, value) == (value if expected == "same" else expected)
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("public_key", PEM + "\ud800", "it has control characters"),
        ("public_key", b"key", "it must be text, not bytes"),
        ("phone_number", "1" * 33, "it has more than 32 characters"),
        ("phone_number", 442070313000, "it must be text, not int"),
        ("email_address", "x" * 256, "it has more than 255 characters"),
        ("email_address", "a\n@x", "it has control characters"),
        ("identity_type", "root", "it must be “user” or “bot”"),
        ("identity_type", "User", "it must be “user” or “bot”"),
        ("identity_type", "users", "it has more than 4 characters"),
        ("metadata", "team", "it must be a mapping, not str"),
        ("metadata", ["team"], "it must be a mapping, not list"),
        (
            "metadata",
            dict.fromkeys("0123456789abcdefg", "x"),
            "it has more than 16 keys",
        ),
        ("metadata", {"level": 7}, "all its keys and values must be text"),
        ("metadata", {7: "level"}, "all its keys and values must be text"),
        ("metadata", {"a": {"b": "c"}}, "all its keys and values must be text"),
        ("metadata", {"a": None}, "all its keys and values must be text"),
        ("metadata", {"a": "\x00"}, "it has control characters"),
        ("metadata", {"\udfff": "a"}, "it has control characters"),
        ("metadata", {"a": "\u202eb"}, "it has control characters"),
        ("metadata", {"\u2066a": "b"}, "it has control characters"),
        ("phone_number", "+44\u202e2070313000", "it has control characters"),
        ("email_address", "a\u202eb@x.com", "it has control characters"),
        ("email_address", "a@x.com\u200f", "it has control characters"),
        (
            "display_name",
            "a" + "\u0301" * 128,
            "its first character has more than 128 code points",
        ),
    ],
    ids=ascii,
)
def test_a_claim_that_layer_would_not_accept_is_left_out(
    claim, caplog, name, value, reason
):
    assert claim(name, value) is None
    assert caplog.messages == [f"Claim {name} left out: {reason}."]


class Unreachable(dict):
    def items(self):
        raise LookupError("the directory is down")


@pytest.mark.parametrize(
    "character", [*"\x0b\x0c\r\x1c\x1d\x1e\x85", "\u202e", "\u2067"], ids=ascii
)
def test_a_public_key_may_have_line_breaks_but_no_other_control_characters(
    claim, caplog, character
):
    assert claim("public_key", f"{PEM}{character}MIIB\n") is None
    assert caplog.messages == ["Claim public_key left out: it has control characters."]


def test_a_value_that_fails_is_left_out(claim, caplog):
    assert claim("metadata", Unreachable(a="b")) is None
    assert caplog.messages == ["Claim metadata left out: its source failed."]
    assert "LookupError: the directory is down" in caplog.text


def test_the_log_never_has_a_value(claim, caplog):
    claim("avatar_url", "https://alice:secret@example.com/\n")
    claim("email_address", "secret" * 50)
    claim("metadata", {"secret": 7})

    assert len(caplog.messages) == 3
    assert "secret" not in caplog.text


def test_optional_claims_are_in_the_token(settings, key, alice):
    chosen = {
        "phone_number": "+442070313000",
        "email_address": "alice@example.com",
        "identity_type": "bot",
        "metadata": {"team": "red"},
    }
    sources = {
        name: lambda context, value=value: value for name, value in chosen.items()
    }
    configure(settings, CLAIMS=sources)

    _status, body = read(ask(alice, nonce=NONCE))

    claims = decode(body["identity_token"], key)
    assert {name: claims[name] for name in chosen} == chosen


def badge(context):
    return f"{context.user.get_username()} of {context.app.name}"


def test_each_layer_app_may_have_claims_of_its_own(settings):
    configure(settings, CLAIMS={"display_name": badge})
    alice = User(username="alice")

    shown = [
        profile_claims(MappingContext(alice, LayerApp(name=name)))
        for name in ("Messenger", "Support")
    ]

    assert shown == [
        {"display_name": "alice of Messenger"},
        {"display_name": "alice of Support"},
    ]
