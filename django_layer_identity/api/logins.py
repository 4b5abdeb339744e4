"""What a login is recognised by, however it is spelt."""

from __future__ import annotations

import re
import unicodedata

from django.views.decorators.debug import sensitive_variables

_LATIN = re.compile(r"(?:COMBINING )?LATIN .*LETTER (?:.* )?([A-Z])(?: .*)?")
_OTHERS = str.maketrans(
    {"ı": "i", "ð": "d", "\u1dd9": "d", "æ": "ae", "œ": "oe", "þ": "th", "ŋ": "n"}
    | {"ꞛ": "a", "ꞝ": "o", "ꞟ": "u", "ꟁ": "a", "Ꟁ": "a"}
    | dict(zip("༳༪༫༬༭༮༯༰༱༲", "0123456789", strict=True))
    | dict(zip("৴৵৶৷", "1234", strict=True))
)


@sensitive_variables()
def simplified(login: str) -> str:
    """
    Return a login as the most lenient database compares it, and simpler still.

    Some of MariaDB's collations ignore marks, take the digits of all scripts for 0-9,
    ``ø`` for ``o``, and ``ß`` for ``s``. Two that are lumped together share a count.
    """
    plain = _bare(_bare(login).casefold())
    return plain.replace("ss", "s") or login


@sensitive_variables()
def _bare(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text).translate(_OTHERS)
    return "".join(map(_base_of, letters))


def _base_of(character: str) -> str:
    """Return the letter or digit that a character is a form of, or nothing."""
    if character.isascii():
        return character if character.isalnum() else ""
    name, category = unicodedata.name(character, ""), unicodedata.category(character)
    if category.startswith("N"):
        return f"{unicodedata.numeric(character):g}"
    latin = _LATIN.fullmatch(name)
    if latin:
        return latin[1]
    if category == "Lm" or not character.isalnum():
        return ""  # a mark, white space, punctuation
    try:
        return unicodedata.lookup(name.partition(" WITH ")[0])
    except KeyError:
        return character
