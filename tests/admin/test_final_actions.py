"""Actions that take something away ask for confirmation on their own page."""

from __future__ import annotations

import re

import pytest
from django.utils.html import escape
from pytest_django.asserts import assertContains, assertNotContains

from django_layer_identity.models import LayerApp, SigningKey
from tests.admin.pages import (
    KEYS,
    history,
    messages_of,
    page_of,
    press,
    run_action,
    state_of,
)
from tests.conftest import KEY_ID, OTHER_KEY_ID, PROVIDER_ID


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
    assertContains(response, "otherwise it accepts the tokens until they expire")
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


def test_a_key_whose_private_key_was_destroyed_is_not_destroyed_again(
    admin_client, destroyed
):
    response = run_action(admin_client, "destroy", destroyed, post="yes")

    assert messages_of(response) == [
        f"The private key of the signing key {KEY_ID} was already destroyed. Nothing was "
        "changed."
    ]
    assert history() == []


# What happens to the Layer app


STOPS = "Messenger's users get no identity tokens until you activate another key."


@pytest.fixture
def elsewhere(db, private_key) -> SigningKey:
    """An active key of another app, which sorts before Messenger."""
    app = LayerApp.objects.create(
        name="Chat", app_id=PROVIDER_ID, provider_id=PROVIDER_ID
    )
    key = SigningKey.from_private_key(app, private_key, key_id=OTHER_KEY_ID)
    key.save()
    key.activate()
    return key


def consequences(response):
    return response.context["consequences"]


@pytest.mark.parametrize("send", [run_action, press], ids=["list", "page"])
def test_retiring_the_active_key_asks_for_confirmation(admin_client, key, send):
    response = send(admin_client, "retire", key)

    assertContains(response, f"<li>{escape(STOPS)}</li>", html=True)
    assertContains(response, "activate the new key instead")
    assertContains(response, f'href="{page_of(key)}" class="button cancel-link"')
    assert (state_of(key), history()) == ("active", [])


def test_a_confirmed_key_is_retired(admin_client, key):
    response = confirm(admin_client, press(admin_client, "retire", key))

    assert response.url == page_of(key)
    assert (state_of(key), len(history())) == ("retired", 1)


def test_retiring_keys_of_two_apps_names_both(admin_client, key, elsewhere, draft):
    response = run_action(admin_client, "retire", key, elsewhere, draft)

    assert consequences(response) == [
        "Chat's users get no identity tokens until you activate another key.",
        STOPS,
    ]


def test_retiring_a_key_that_is_not_active_does_not_ask(admin_client, key, draft):
    response = run_action(admin_client, "retire", draft)

    assert messages_of(response) == [
        f"The signing key {draft} was not changed. Only an active key can be retired. "
        "This key is draft."
    ]


def disable(app):
    app.enabled = False
    app.save()


def test_retiring_the_key_of_a_disabled_app_does_not_say_that_tokens_stop(
    admin_client, app, key
):
    disable(app)

    assert consequences(run_action(admin_client, "retire", key)) == [
        "Messenger is disabled: its users get no identity tokens."
    ]


def test_revoking_the_active_key_says_what_stops(admin_client, key):
    response = run_action(admin_client, "revoke", key)

    assert consequences(response) == [STOPS]
    assertContains(response, f"<li>{escape(STOPS)}</li>", html=True)


def test_revoking_another_key_says_which_key_goes_on(admin_client, key, draft):
    assert consequences(run_action(admin_client, "revoke", draft)) == [
        f"Messenger goes on signing with the key {KEY_ID}."
    ]


def test_revoking_all_keys_of_an_app_says_what_stops(admin_client, key, draft):
    assert consequences(run_action(admin_client, "revoke", draft, key)) == [STOPS]


def test_revoking_a_key_of_an_app_without_an_active_key_says_so(admin_client, draft):
    assert consequences(run_action(admin_client, "revoke", draft)) == [
        "Messenger has no active key: its users get no identity tokens."
    ]
