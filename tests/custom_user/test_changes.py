"""The e-mail address changes; it is not the primary key."""

from __future__ import annotations

from tests.endpoint import NONCE, ask, read, refusal
from tests.ledger.users import change_email, issued_id


def test_a_changed_address_keeps_the_id(key, create_user):
    alice = create_user("alice@example.com")
    issued_id(alice)

    change_email(alice, "liddell@example.com")

    assert issued_id(alice) == "alice@example.com"


def test_a_recycled_address_is_refused(key, create_user):
    alice = create_user("alice@example.com")
    issued_id(alice)
    change_email(alice, "liddell@example.com")

    assert read(ask(create_user("alice@example.com"), nonce=NONCE)) == refusal(
        409,
        "user_id_taken",
        "The Layer user ID of this account belongs, or once belonged, to another user. An administrator must resolve this.",
    )
