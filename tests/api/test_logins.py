"""Spellings of a login that some database takes for one share a count."""

from __future__ import annotations

import unicodedata

import pytest

from django_layer_identity.api import logins
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
        ("🅰l🅸ce", "alice"),
        ("🆗", "ok"),
        ("j\ua733p", "jaap"),
        ("ma\u02a6", "mats"),
        ("ma\U000107ac", "mats"),
        ("ali\u1cf2ce", "alice"),
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


@pytest.mark.parametrize("login", ["\ufdfa" * 5333, "a" + "\u0345\u0334" * 4000])
def test_a_long_login_is_normalized_character_by_character(login, monkeypatch):
    lengths, normalize = [], unicodedata.normalize

    def measure(form, text):
        lengths.append(len(text))
        return normalize(form, text)

    monkeypatch.setattr(unicodedata, "normalize", measure)
    logins._spelt.cache_clear()
    simplified(login)

    assert 1 <= max(lengths) <= 18
