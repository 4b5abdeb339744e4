"""A user whose address changes, where it is not his primary key."""

from __future__ import annotations

from tests.endpoint import NONCE, ask, read, refusal
from tests.ledger.people import change, id_of


def test_a_changed_address_keeps_the_id(key, join):
    alice = join("alice@example.com")
    id_of(alice)

    change(alice, "liddell@example.com")

    assert id_of(alice) == "alice@example.com"


def test_a_recycled_address_is_refused(key, join):
    alice = join("alice@example.com")
    id_of(alice)
    change(alice, "liddell@example.com")

    assert read(ask(join("alice@example.com"), nonce=NONCE)) == refusal(
        409,
        "user_id_taken",
        "The Layer user ID of this account belongs to another user.",
    )
