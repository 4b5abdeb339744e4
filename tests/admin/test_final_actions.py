"""Acts that cannot be undone are asked about on a page of their own."""

from __future__ import annotations

import re

import pytest
from pytest_django.asserts import assertContains, assertNotContains

from tests.admin.pages import KEYS, act, history, page_of, press, said, state_of
from tests.conftest import KEY_ID


@pytest.mark.parametrize("name", ["draft", "key"])
def test_a_key_is_revoked_for_a_reason(request, admin_client, name):
    key = request.getfixturevalue(name)

    response = act(admin_client, "revoke", key, post="yes", reason=" leaked ")

    assert state_of(key) == "revoked"
    assert said(response) == [
        f"The signing key {key} is revoked now. Reason: leaked",
    ]
    assert history() == [f"State: {key.state} → revoked – Reason: leaked"]
    page = admin_client.get(page_of(key))
    assertContains(page, '<div class="readonly">leaked</div>', html=True)


def test_revoking_asks_first(admin_client, key):
    response = act(admin_client, "revoke", key)

    assertContains(response, "Revoking cannot be undone")
    assertContains(response, "The stored private half is destroyed")
    assertContains(response, "live on until they expire")
    hidden = f'<input type="hidden" name="_selected_action" value="{key.pk}">'
    assertContains(response, hidden, html=True)
    assertContains(response, f'href="{page_of(key)}" class="button cancel-link"')
    assertNotContains(response, "This field is required.")
    assert (state_of(key), history()) == ("active", [])


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        ("", "This field is required."),
        ("  ", "This field is required."),
        ("x" * 201, "Ensure this value has at most 200 characters (it has 201)."),
        (
            "-----BEGIN PRIVATE KEY-----MIIEvQ",
            "A reason must not contain a private key or a part of one.",
        ),
    ],
    ids=["none", "blank", "too-long", "private-key"],
)
def test_without_a_proper_reason_no_key_is_revoked(admin_client, key, reason, error):
    response = act(admin_client, "revoke", key, post="yes", reason=reason)

    assert response.context["form"].errors == {"reason": [error]}
    assert (state_of(key), history()) == ("active", [])


def test_a_key_is_revoked_once(admin_client, revoked):
    act(admin_client, "revoke", revoked, post="yes", reason="again")

    revoked.refresh_from_db()
    assert (revoked.revocation_reason, history()) == ("leaked", [])


def confirm(client, response, **entered):
    """Send the form of a confirmation page as it is, with what is entered."""
    page = response.content.decode()
    hidden = re.findall(r'<input type="hidden" name="(.+?)" value="(.+?)">', page)
    return client.post(KEYS, {**dict(hidden), **entered})


def test_who_revokes_from_the_page_of_a_key_comes_back_to_it(admin_client, key):
    asked = press(admin_client, "revoke", key)

    response = confirm(admin_client, asked, reason="leaked")

    assert response.url == page_of(key)
    key.refresh_from_db()
    assert (key.state, key.encrypted_private_key) == ("revoked", "")


def test_destroying_asks_first(admin_client, retired):
    response = act(admin_client, "destroy", retired)

    assertContains(response, "This cannot be undone")
    assertContains(response, "never be activated again")
    assert history() == []


def test_the_private_halves_of_retired_keys_are_destroyed(admin_client, retired):
    asked = act(admin_client, "destroy", retired)

    response = confirm(admin_client, asked)

    assert response.url == KEYS
    retired.refresh_from_db()
    assert (retired.state, retired.encrypted_private_key) == ("retired", "")
    assert said(response) == [
        f"The signing key {KEY_ID} is retired now. Private half destroyed."
    ]
    assert history() == ["Private half destroyed."]


def test_the_private_half_of_an_active_key_is_not_destroyed(admin_client, key):
    response = act(admin_client, "destroy", key, post="yes")

    assert said(response) == [
        f"The signing key {KEY_ID} stays active: Only a retired key's private key can be destroyed. This key is active."
    ]
    assert history() == []
