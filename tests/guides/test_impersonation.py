from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from tests.endpoint import NONCE, URL, read


def test_only_the_deployment_is_left_to_configure(warnings):
    assert warnings == ["layer_identity.W041", "layer_identity.W040"]


@pytest.fixture
def staff(client, key, alice):
    """A client of a superuser."""
    client.force_login(User.objects.create_superuser("root"))
    return client


def ask(client):
    status, body = read(client.post(URL, {"nonce": NONCE}))
    return status, body.get("user_id") or body["code"]


def test_staff_get_no_token_of_the_user_whom_they_impersonate(staff, alice):
    acquired = staff.post("/hijack/acquire/", {"user_pk": alice.pk})
    assert acquired.status_code == 302
    assert staff.session["_auth_user_id"] == str(alice.pk)

    assert ask(staff) == (403, "permission_denied")


def test_staff_get_their_own_token_afterwards(settings, staff, alice):
    staff.post("/hijack/acquire/", {"user_pk": alice.pk})
    staff.post("/hijack/release/")

    assert ask(staff) == (200, "root")
