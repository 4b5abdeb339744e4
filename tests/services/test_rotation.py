"""Keys rotate while two processes serve: no request fails."""

from __future__ import annotations

import pytest

from django_layer_identity.issuing import issue_identity_token
from tests.conftest import KEY_ID
from tests.server.clients import Answer, new_nonce
from tests.server.rotation import (
    check,
    not_verified,
    requested_too_late,
    rotate_while_serving,
)

pytestmark = [
    pytest.mark.service,
    pytest.mark.django_db(transaction=True, databases=["default", "postgresql"]),
]
KEY = f"layer:///keys/{KEY_ID}"


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_ten_rotations_under_load_fail_no_request(database, show):
    record = rotate_while_serving(rotations=10, tokens=1_000)

    show(check(record))
    assert len(record.revoked_at) == 10
    assert len(record.answers) >= 1_000


@pytest.fixture
def answer(key, alice):
    """An answer to a request at clock time 100."""
    issued = issue_identity_token(alice, new_nonce())
    return Answer(100.0, 200, {"identity_token": issued.token})


@pytest.mark.parametrize(("revoked_at", "late"), [(99.0, 1), (100.0, 0), (101.0, 0)])
def test_the_check_finds_a_token_requested_after_the_revocation(
    answer, revoked_at, late
):
    assert len(requested_too_late([answer], {KEY: revoked_at})) == late


def test_the_check_finds_a_token_signed_by_another_key_than_its_kid(
    answer, key, other_private_key
):
    assert not_verified([answer], {KEY: key.public_key}) == []
    assert not_verified([answer], {KEY: other_private_key.public_key.pem}) == [answer]
    assert not_verified([answer], {}) == [answer]
