"""What MariaDB takes for an ASCII character is counted as that character."""

from __future__ import annotations

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
    """Return each letter, mark and digit by what the collation compares."""
    found = defaultdict(list)
    characters = [
        chr(code)
        for code in range(sys.maxunicode)
        if unicodedata.category(chr(code))[0] in "LMN"
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
                found[weight].append(chr(code))
    return found


@pytest.mark.parametrize(
    "collation", ["utf8mb4_general_ci", "utf8mb4_unicode_ci", "utf8mb4_unicode_520_ci"]
)
def test_whatever_equals_an_ascii_character_shares_its_count(collation):
    same = [group for group in weights(collation).values() if group[0].isascii()]

    assert len(same) == 36
    assert [
        group for group in same if len({simplified(one) for one in group}) != 1
    ] == []
