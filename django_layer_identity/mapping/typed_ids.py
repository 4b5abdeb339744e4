"""
Find typing errors in Layer user IDs that a person typed, or that come from a file.

An ID is permanent, so it is looked at before it is stored. Layer accepts all of these
IDs, so the caller can let a person insist.
"""

from __future__ import annotations

import re
from unicodedata import category

#: Blank characters that Unicode does not count as white space or as format characters.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
#: Format characters that are visible: signs that enclose the numbers after them.
_SIGNS = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)
_SPACES = frozenset(" \u3000")  # ordinary ones, also between Chinese characters

_NUMBER = re.compile(
    r"[+-]?[0-9]+(?:[.,][0-9]+)?[eE][+-][0-9]{2,3}"  # 1.23457E+17
    r"|[+-]?[0-9]+[.,]0+"  # 42.0
    r"|[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?"  # 1,234,567
)
_ERROR = re.compile(r"#(?:N/A|NAME\?|NULL!|NUM!|REF!|VALUE!|DIV/0!|#+)")


def find_typing_error(user_id: str) -> str | None:
    """
    Return what is probably wrong with a Layer user ID and what to do, or None.

    An ID is suspicious if it begins or ends with white space, contains characters that
    cannot be seen, or looks like a number or an error of a spreadsheet. The sentence
    shows the ID with these characters as escapes.
    """
    shown = f"“{make_visible(user_id)}”"
    if user_id != user_id.strip():
        return f"{shown} begins or ends with white space: remove it."
    if any(map(_is_invisible, user_id)):
        return f"{shown} contains invisible characters: remove them."
    if _NUMBER.fullmatch(user_id) or _ERROR.fullmatch(user_id):
        return (
            f"{shown} looks like a cell that a spreadsheet changed: format the column "
            "as text, and enter the original ID."
        )
    return None


def make_visible(text: str) -> str:
    """Return the text with an escape, such as ``\\u200b``, for what cannot be seen."""
    return "".join(
        char.encode("unicode_escape").decode() if _is_escaped(char) else char
        for char in text
    )


def _is_escaped(char: str) -> bool:
    return _is_invisible(char) or not char.isprintable()


def _is_invisible(char: str) -> bool:
    """Return whether the character cannot be seen, or looks like an ordinary space."""
    if char in _BLANK:
        return True
    if char in _SPACES or char in _SIGNS:
        return False
    return category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp", "Zs")
