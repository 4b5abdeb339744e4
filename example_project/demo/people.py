"""The two users of the demo."""

from __future__ import annotations

from typing import NamedTuple


class Person(NamedTuple):
    """An account to create, with the field names of Django's user model."""

    username: str
    first_name: str
    last_name: str


# A name with accents, ideographs and an emoji, to show that it arrives unchanged.
ALICE = Person("alice", "Alice Zoë", "東京 😀")
BOB = Person("bob", "Bob", "Martin")
PEOPLE = (ALICE, BOB)
