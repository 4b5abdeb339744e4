"""What MariaDB takes for ASCII characters is counted as those characters."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import defaultdict

import pytest
from django.db import connections

from django_layer_identity.api.logins import simplified
from tests.services.conftest import need

pytestmark = pytest.mark.service


@pytest.fixture(autouse=True)
def _unblocked(django_db_setup, django_db_blocker):
    need("mariadb")
    with django_db_blocker.unblock():
        yield
    connections["mariadb"].close()


def weights(collation):
    """Return each character by what the collation compares."""
    found = defaultdict(list)
    characters = [
        chr(code)
        for code in range(1, sys.maxunicode)
        if unicodedata.category(chr(code)) not in ("Cn", "Co", "Cs")
    ]
    with connections["mariadb"].cursor() as cursor:
        for start in range(0, len(characters), 5000):
            rows = " UNION ALL ".join(
                f"SELECT {ord(one)}, HEX(WEIGHT_STRING("
                f"_utf8mb4 x'{one.encode().hex()}' COLLATE {collation}))"
                for one in characters[start : start + 5000]
            )
            cursor.execute(rows)
            for code, weight in cursor.fetchall():
                found[weight or ""].append(chr(code))
    return found


def read(weight, plain):
    """Return the ASCII text that weighs as much, or None."""
    parts = [plain.get(part) for part in re.findall("....", weight)]
    return None if None in parts else "".join(parts)


@pytest.mark.parametrize(
    "collation",
    [
        "utf8mb4_general_ci",
        "utf8mb4_unicode_ci",
        "utf8mb4_unicode_520_ci",
        "utf8mb4_uca1400_ai_ci",
    ],
)
def test_whatever_equals_an_ascii_text_shares_its_count(collation):
    groups = weights(collation)
    plain = {
        weight: character.lower()
        for weight, group in groups.items()
        for character in group
        if character.isascii() and character.isalnum()
    }
    assert len(plain) == 36
    same = {weight: read(weight, plain) for weight in groups}  # nothing, where ignored

    assert [
        (character, text)
        for weight, text in same.items()
        if text is not None
        for character in groups[weight]
        if simplified(f"q{character}q") != simplified(f"q{text}q")
    ] == []
