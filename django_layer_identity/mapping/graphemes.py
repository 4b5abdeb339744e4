"""
Cut text where a reader would: between graphemes, never inside one.

Unicode Standard Annex 29, on the safe side: where Python's tables do not tell whether
two characters are one grapheme, they count as one, and the text ends a little earlier.
So it needs no tables of its own, and none that age.
"""

from __future__ import annotations

import re
from unicodedata import category, combining

_MARKS = ("Mn", "Mc", "Me")
_UNSURE = ("Cf", "Cn")  # joiners, tags; assigned later than this Python's tables
_VIRAMA = 9  # canonical combining class: joins two consonants
# Letters and symbols that are part of what comes before them: vowels of Thai, Lao and
# Kirat Rai, vowels and finals of Hangul, halfwidth sound marks, skin tones of emoji.
_CONTINUING = re.compile(
    "[\u0e33\u0eb3\u1160-\u11ff\ud7b0-\ud7fb\uff9e\uff9f"
    "\U00016d63\U00016d67-\U00016d6a\U0001f3fb-\U0001f3ff]"
)
# Letters that are part of what comes after them.
_ANNOUNCING = re.compile(
    "[\u0d4e\U000111c2\U000111c3\U000113d1\U0001193f\U00011941\U00011a3a"
    "\U00011a84-\U00011a89\U00011d46\U00011f02]"
)
_HANGUL_INITIAL = re.compile("[\u1100-\u115f\ua960-\ua97c]")
_HANGUL = re.compile("[\u1100-\u115f\ua960-\ua97c\uac00-\ud7a3]")
_FLAG_LETTERS = re.compile("[\U0001f1e6-\U0001f1ff]*")


def cut(text: str, limit: int) -> str:
    """Return the longest beginning of up to ``limit`` characters that is whole."""
    end = min(limit, len(text))
    while 0 < end < len(text) and _may_be_inside(text, end):
        end -= 1
    return text[:end]


def _may_be_inside(text: str, end: int) -> bool:
    before, after = text[end - 1], text[end]
    return (
        _continues(after)
        or category(before) in _UNSURE
        or bool(_ANNOUNCING.match(before))
        or bool(_HANGUL_INITIAL.match(before) and _HANGUL.match(after))
        or before + after == "\r\n"
        or _is_inside_flag(text, end)
        or _is_inside_conjunct(text, end)
    )


def _continues(character: str) -> bool:
    kind = category(character)
    return kind in _MARKS or kind in _UNSURE or bool(_CONTINUING.match(character))


def _is_inside_flag(text: str, end: int) -> bool:
    if not _FLAG_LETTERS.fullmatch(text[end]):
        return False
    letters = _FLAG_LETTERS.match(text[:end][::-1])
    return letters is not None and len(letters.group()) % 2 == 1


def _is_inside_conjunct(text: str, end: int) -> bool:
    for character in reversed(text[:end]):
        if combining(character) == _VIRAMA:
            return True
        if category(character) not in (*_MARKS, *_UNSURE):
            break
    return False
