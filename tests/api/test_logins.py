"""Spellings of a login that some database takes for one share a count."""

from __future__ import annotations

import pytest

from django_layer_identity.api.logins import simplified


@pytest.mark.parametrize(
    ("spelling", "counted_as"),
    [
        ("alice", "alice"),
        ("ALICE", "alice"),
        ("Alicé ", "alice"),
        ("a\u0345lice", "alice"),
        ("al\u0640i\u07face", "alice"),
        ("al\u0131ce", "alice"),
        ("\u0363lice", "alice"),
        ("a.l-i_c+e", "alice"),
        ("Øłđħð", "oldhd"),
        ("ǿ", "o"),
        ("user١٢३", "user123"),
        ("user①༪৴", "user111"),
        ("stra\u00dfe", "strase"),
        ("STRA\u1e9eE", "strase"),
        ("strasse", "strase"),
        ("Æsop", "aesop"),
        ("Иван", "иван"),
        ("王", "王"),
        ("ґ", "г"),
        ("\u03fc", "\u03fc"),
    ],
)
def test_a_login_is_counted_by_its_letters_and_digits(spelling, counted_as):
    assert simplified(spelling) == counted_as


def test_different_logins_stay_apart():
    assert simplified("alice") != simplified("alicia")


def test_a_login_of_neither_letters_nor_digits_is_counted_as_it_is():
    assert simplified("--") == "--"
