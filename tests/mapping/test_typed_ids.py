"""Layer user IDs that a person typed: what is reported, and what is not."""

from __future__ import annotations

import pytest

from django_layer_identity.mapping.typed_ids import find_typing_error, make_visible


@pytest.mark.parametrize(
    ("user_id", "shown"),
    [
        ("alice ", "alice "),
        (" alice", " alice"),
        ("alice\t", r"alice\t"),
        ("alice\xa0", r"alice\xa0"),
        ("\u3000alice", r"\u3000alice"),
        ("alice\u2028", r"alice\u2028"),
    ],
    ids=ascii,
)
def test_white_space_at_an_end_is_reported(user_id, shown):
    assert find_typing_error(user_id) == (
        f"“{shown}” begins or ends with white space: remove it."
    )


@pytest.mark.parametrize(
    ("user_id", "shown"),
    [
        pytest.param("alice\u200b", r"alice\u200b", id="zero width space"),
        pytest.param("\ufeffalice", r"\ufeffalice", id="byte order mark"),
        pytest.param("\u202a+1555\u202c", r"\u202a+1555\u202c", id="bidi embedding"),
        pytest.param("\u2068alice\u2069", r"\u2068alice\u2069", id="bidi isolate"),
        pytest.param("al\u00adice", r"al\xadice", id="soft hyphen"),
        pytest.param("alice\u2060", r"alice\u2060", id="word joiner"),
        pytest.param("alice\U000e0041", r"alice\U000e0041", id="tag"),
        pytest.param("alice\u3164", r"alice\u3164", id="Hangul filler"),
        pytest.param("alice\u2800b", r"alice\u2800b", id="Braille blank"),
        pytest.param("alice\xa0b", r"alice\xa0b", id="no-break space"),
        pytest.param("alice\x00b", r"alice\x00b", id="control character"),
    ],
)
def test_invisible_characters_are_reported_and_shown(user_id, shown):
    assert find_typing_error(user_id) == (
        f"“{shown}” contains invisible characters: remove them."
    )


@pytest.mark.parametrize(
    "user_id",
    [
        *("1.23457E+17", "1,23457E+17", "1E+05", "1.2e-07", "-1.5E+10"),
        *("42.0", "42,0", "1234567.00", "1,234,567", "1,234.50"),
        *("#N/A", "#NAME?", "#REF!", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!", "####"),
    ],
)
def test_what_a_spreadsheet_makes_of_an_id_is_reported(user_id):
    assert find_typing_error(user_id) == (
        f"“{user_id}” looks like a cell that a spreadsheet changed: format the column "
        "as text, and enter the original ID."
    )


@pytest.mark.parametrize(
    "user_id",
    [
        *("alice", "Alice Smith", "alice@example.com", "+442070313000", "-alice"),
        *("42", "0042", "123456789012345678", "v1.0", "1.0.2", "10.0.0.1", "1.5"),
        *("1e5", "507e191", "1e05", "12E4", "e+10", "1-2", "alice+10", "#1", "#"),
        *("550e8400-e29b-41d4-a716-446655440000", "layer:///identities/alice"),
        *("zoë", "zoe\u0308", "山田\u3000太郎", "алиса", "أليس", "😀", "\u06dd\u0661"),
    ],
)
def test_an_ordinary_id_is_not_reported(user_id):
    assert find_typing_error(user_id) is None


def test_escapes_show_what_cannot_be_seen():
    assert make_visible("zoë \\ 😀\u200b\ud800\n") == r"zoë \ 😀\u200b\ud800\n"
