"""What a login is recognised by, however it is spelt."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from django.views.decorators.debug import sensitive_variables

_LATIN = re.compile(r"(?:COMBINING )?LATIN .*LETTER (?:.* )?([A-Z]{1,2})(?: .*)?")
_ENCLOSED = re.compile(
    r"(?:CROSSED )?(?:NEGATIVE )?(?:SQUARED|CIRCLED) (?:LATIN .*LETTER )?([A-Z]+)"
)
_OTHERS = str.maketrans(
    {"ı": "i", "ð": "d", "\u1dd9": "d", "æ": "ae", "œ": "oe", "þ": "th", "ŋ": "n"}
    | dict(zip("ꞚꞛꞜꞝꞞꞟ", "aaoouu", strict=True))
    | {"ƍ": "zw", "ƾ": "ts"}
    | {"\U0001f19b": "3d", "\U0001f19d": "2k", "\U0001f19e": "4k", "\U0001f19f": "8k"}
    | {"\U0001f1a3": "60p", "\U0001f1a4": "120p"}
    | dict.fromkeys("\u1cf2\u1cf3\ufe73", "")
    | dict(zip("༳༪༫༬༭༮༯༰༱༲", "0123456789", strict=True))
    | dict(zip("৴৵৶৷", "1234", strict=True))
    # Of Unicode 14, which MariaDB knows before Python 3.11.
    | {"ꟁ": "a", "Ꟁ": "a", "\ua7d8": "s", "\ua7d9": "s"}
    | {"\u1acc": "g", "\u1acd": "r", "\u1ace": "t"}
    | {"\ua7f2": "c", "\ua7f3": "f", "\ua7f4": "q"}
    | {"\U00010780": "aa", "\U00010783": "ae", "\U00010787": "dz", "\U00010795": "h"}
    | {"\U00010799": "ls", "\U0001079a": "lz", "\U000107a2": "o", "\U000107a5": "q"}
    | {"\U000107ac": "ts"}
    | {chr(0x16AC0 + digit): str(digit) for digit in range(10)}
)


@sensitive_variables()
def simplified(login: str) -> str:
    """
    Return a login as the most lenient database compares it, and simpler still.

    Some of MariaDB's collations ignore marks, take the digits of all scripts for 0-9,
    ``ø`` for ``o``, ``🅰`` for ``a``, and ``ß`` for ``s``. Two that are lumped together
    share a count. It is complete for logins of ASCII.
    """
    return "".join(map(_spelt, login)).replace("ss", "s") or login


@lru_cache(maxsize=4096)
def _spelt(character: str) -> str:
    # One by one: to normalize a long text at once may take quadratic time.
    return _bare(_bare(character).casefold())


def _bare(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.translate(_OTHERS)).translate(_OTHERS)
    return "".join(map(_base_of, letters))


def _base_of(character: str) -> str:
    """Return the letters or digits that a character is a form of, or nothing."""
    if character.isascii():
        return character if character.isalnum() else ""
    name, category = unicodedata.name(character, ""), unicodedata.category(character)
    if category.startswith("N"):
        return f"{unicodedata.numeric(character):g}"
    form = _LATIN.fullmatch(name) or _ENCLOSED.fullmatch(name)
    if form:
        return form[1]
    if category == "Lm" or not character.isalnum():
        return ""  # a mark, white space, punctuation
    try:
        return unicodedata.lookup(name.partition(" WITH ")[0])
    except KeyError:
        return character
