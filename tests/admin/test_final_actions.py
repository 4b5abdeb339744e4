"""Actions that cannot be undone ask for confirmation on their own page."""

from __future__ import annotations

import re

import pytest
from pytest_django.asserts import assertContains, assertNotContains

from tests.admin.pages import (
    KEYS,
    history,
    messages_of,
    page_of,
    press,
    run_action,
    state_of,
)
from tests.conftest import KEY_ID


@pytest.mark.parametrize("name", ["draft", "key"])
def test_a_key_is_revoked_with_a_reason(request, admin_client, name):
    key = request.getfixturevalue(name)

    response = run_action(admin_client, "revoke", key, post="yes", reason=" leaked ")

    assert state_of(key) == "revoked"
    assert messages_of(response) == [
        f"The signing key {key} is revoked. Reason: leaked",
    ]
    assert history() == [f"State: {key.state} → revoked – Reason: leaked"]
    page = admin_client.get(page_of(key))
    assertContains(page, '<div class="readonly">leaked</div>', html=True)


def test_revoking_asks_for_confirmation(admin_client, key):
    response = run_action(admin_client, "revoke", key)

    assertContains(response, "Revoking a key cannot be undone")
    assertContains(response, "The stored private key is destroyed")
    assertContains(response, "stay valid until they expire")
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
def test_a_key_is_not_revoked_without_a_valid_reason(admin_client, key, reason, error):
    response = run_action(admin_client, "revoke", key, post="yes", reason=reason)

    assert response.context["form"].errors == {"reason": [error]}
    assert (state_of(key), history()) == ("active", [])


def test_a_revoked_key_keeps_its_reason(admin_client, revoked):
    run_action(admin_client, "revoke", revoked, post="yes", reason="again")

    revoked.refresh_from_db()
    assert (revoked.revocation_reason, history()) == ("leaked", [])


def confirm(client, response, **entered):
    """Send the form of a confirmation page with these values."""
    page = response.content.decode()
    hidden = re.findall(r'<input type="hidden" name="(.+?)" value="(.+?)">', page)
    return client.post(KEYS, {**dict(hidden), **entered})


def test_revoking_from_the_page_of_a_key_returns_to_it(admin_client, key):
    confirmation = press(admin_client, "revoke", key)

    response = confirm(admin_client, confirmation, reason="leaked")

    assert response.url == page_of(key)
    key.refresh_from_db()
    assert (key.state, key.encrypted_private_key) == ("revoked", "")


def test_destroying_asks_for_confirmation(admin_client, retired):
    response = run_action(admin_client, "destroy", retired)

    assertContains(response, "Destroying a private key cannot be undone")
    assertContains(response, "never be activated again")
    assert history() == []


def test_the_private_keys_of_retired_keys_are_destroyed(admin_client, retired):
    confirmation = run_action(admin_client, "destroy", retired)

    response = confirm(admin_client, confirmation)

    assert response.url == KEYS
    retired.refresh_from_db()
    assert (retired.state, retired.encrypted_private_key) == ("retired", "")
    assert messages_of(response) == [
        f"The signing key {KEY_ID} is retired. Private key destroyed."
    ]
    assert history() == ["Private key destroyed."]


def test_the_private_key_of_an_active_key_is_not_destroyed(admin_client, key):
    response = run_action(admin_client, "destroy", key, post="yes")

    assert messages_of(response) == [
        f"The signing key {KEY_ID} was not changed. "
        "Only a retired key's private key can be destroyed. This key is active."
    ]
    assert history() == []
