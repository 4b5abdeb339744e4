"""The two people of the demo."""

from __future__ import annotations

from typing import NamedTuple


class Person(NamedTuple):
    """An account to create, in the words of Django's user model."""

    username: str
    first_name: str
    last_name: str


# One name with letters, ideographs and an emoji: it must arrive unharmed.
ALICE = Person("alice", "Alice Zoë", "東京 😀")
BOB = Person("bob", "Bob", "Martin")
PEOPLE = (ALICE, BOB)
