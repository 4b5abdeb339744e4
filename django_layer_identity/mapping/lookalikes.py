"""Which Layer user IDs differ, and may be one person's all the same."""

from __future__ import annotations

import re
from collections.abc import Collection
from enum import Enum
from unicodedata import category, normalize

from django_layer_identity.exceptions import UserIDUnavailable
from django_layer_identity.mapping.normalizers import casefold, phone

_PHONE = re.compile(r"[+(]?\d[\d ().\u2010-\u2015/-]{6,}")
_NO_DIGIT = re.compile(r"\D")


class Likeness(Enum):
    """In what the IDs of a group differ, if in anything."""

    SAME = "same"
    FORM = "Unicode form"
    SPACE = "white space"
    CASE = "case"
    PHONE = "phone format"


def lookalike_key(user_id: str) -> str:
    """Return what two IDs share that people, or other systems, take for one."""
    text = casefold(_visible(user_id)).strip()
    return _phone_key(text) if _PHONE.fullmatch(text) else text


def likeness(user_ids: Collection[str]) -> Likeness:
    """Tell in what IDs with the same key differ."""
    if len(set(user_ids)) == 1:
        return Likeness.SAME
    visible = {_visible(user_id) for user_id in user_ids}
    if len(visible) == 1:
        return Likeness.FORM
    if len({text.strip() for text in visible}) == 1:
        return Likeness.SPACE
    if len({casefold(text).strip() for text in visible}) == 1:
        return Likeness.CASE
    return Likeness.PHONE


def _visible(text: str) -> str:
    """Return the text in one Unicode form and without what nobody sees of it."""
    if text.isascii():
        return text
    return "".join(one for one in normalize("NFKC", text) if category(one) != "Cf")


def _phone_key(text: str) -> str:
    try:
        return phone(text)
    except (UserIDUnavailable, ImportError):  # the extra may not be there
        digits = _NO_DIGIT.sub("", text)
        international = text.lstrip("(").startswith(("+", "00"))
        return "+" + digits.lstrip("0") if international else digits
