"""Cutting between graphemes, with another implementation as the judge."""

from __future__ import annotations

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from django_layer_identity.mapping.graphemes import cut

FAMILY = "👩\u200d👩\u200d👧"
# Whatever may be one grapheme with others, as the judge sees it.
JOINING = regex.findall(
    r"[^\p{GCB=Other}]|\p{Extended_Pictographic}",
    "".join(
        map(chr, [*range(0xD800), *range(0xE000, 0x20000), *range(0xE0000, 0xE1000)])
    ),
)
SCOTLAND = "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"


def beginnings(text):
    """Return every beginning that is made of whole graphemes."""
    ends = [found.end() for found in regex.finditer(r"\X", text)]
    return {text[:end] for end in [0, *ends]}


@pytest.mark.parametrize(
    ("text", "limit", "beginning"),
    [
        ("Alice", 5, "Alice"),
        ("Alice", 9, "Alice"),
        ("Alice", 3, "Ali"),
        ("Zoe\u0308", 3, "Zo"),
        ("Zoe\u0308", 4, "Zoe\u0308"),
        ("Zoe\u0308!", 4, "Zoe\u0308"),
        (f"a{FAMILY}", 5, "a"),
        (f"a{FAMILY}", 6, f"a{FAMILY}"),
        (f"a{FAMILY}b", 6, f"a{FAMILY}"),
        ("👍🏽", 1, ""),
        (f"a{SCOTLAND}", 6, "a"),
        ("🇬🇧🇫🇷", 3, "🇬🇧"),
        ("🇬🇧🇫🇷🇩🇪", 4, "🇬🇧🇫🇷"),
        ("한국", 1, "한"),
        ("\u1112\u1161\u11ab", 2, ""),
        ("\u1112한", 1, ""),
        ("क्षि", 2, ""),
        ("aक्षि", 3, "a"),
        ("น้ำ", 2, ""),
        ("\r\n", 1, ""),
        ("a" + "\u0301" * 9, 5, ""),
        ("", 5, ""),
    ],
    ids=ascii,
)
def test_a_cut_never_goes_through_a_grapheme(text, limit, beginning):
    assert cut(text, limit) == beginning


@settings(max_examples=1000)
@given(
    st.lists(
        st.one_of(
            st.characters(),
            st.characters(categories=["Mn", "Mc", "Me", "Cf", "Lo", "Sk"]),
            st.sampled_from(
                "e\u0301क\u094dष가\u1100\u1161\u11a8🇬👩\u200d🏽🏴\U000e0067"
            ),
            st.sampled_from([FAMILY, SCOTLAND, "👍🏽", "🇬🇧", "क्षि", "\r\n"]),
        ),
        max_size=12,
    ).map("".join),
    st.integers(0, 12),
)
def test_what_is_left_is_made_of_whole_graphemes(text, limit):
    assert len(cut(text, limit)) <= limit
    assert cut(text, limit) in beginnings(text)


@pytest.mark.parametrize(
    "frame",
    ["a{}", "{}a", "\u1100{}", "{}가", "क्{}", "👩\u200d{}"],
    ids=ascii,
)
def test_whatever_the_character_a_cut_is_between_graphemes(frame):
    texts = [frame.format(character) for character in JOINING]
    ends = len(frame) - 2

    cuts = {one: left for one in texts if (left := cut(one, ends))}

    assert [one for one, left in cuts.items() if left not in beginnings(one)] == []


def test_plain_text_is_cut_at_its_limit_and_not_before():
    for text in ("x" * 200, "é" * 200, "東" * 200, "😀" * 200, "한" * 200, "Ж" * 200):
        assert cut(text, 128) == text[:128]
