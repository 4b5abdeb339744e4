"""Keys whose entry is missing in ``KEY_ENCRYPTION_KEYS`` are shown as such."""

from __future__ import annotations

import re
from html import unescape
from unittest.mock import Mock

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.asserts import assertContains, assertNotContains

from django_layer_identity import keyring
from tests.admin.pages import KEYS, buttons_of, page_of
from tests.conftest import KEY_ID
from tests.endpoint import configure
from tests.internals import DECRYPT_KEY

APPS = "/admin/layer_identity/layerapp/"
CANNOT_BE_DECRYPTED = '<span class="layer-state layer-none">cannot be decrypted</span>'
LINK = '<a href="/admin/layer_identity/signingkey/add/?app={}&source=import" class="button layer-button">Import the key again</a>'
REMEDY = (
    "Put the entry that encrypted it back into the list. If that entry is lost, import the "
    "same private key again. If the private key is lost too, activate another key."
)


@pytest.fixture
def lost(settings, monkeypatch):
    """Replace the only entry of the setting; decrypting a key fails the test."""

    def lose():
        decrypt = Mock(side_effect=AssertionError("decrypted"))
        monkeypatch.setattr(DECRYPT_KEY, decrypt)
        configure(
            settings, KEY_ENCRYPTION_KEYS=["another entry of forty characters, new"]
        )

    return lose


def message_of(response):
    [message] = get_messages(response.wsgi_request)
    return message.level_tag, unescape(str(message)).strip()


@pytest.mark.parametrize("name", ["draft", "ready", "key", "retired"])
def test_the_list_shows_that_a_key_cannot_be_decrypted(
    request, admin_client, lost, name
):
    key = request.getfixturevalue(name)
    lost()

    page = admin_client.get(KEYS).content.decode()

    badge = f'<span class="layer-state layer-lost">{key.state}</span>'
    assert f'<td class="field-state">{badge} {CANNOT_BE_DECRYPTED}</td>' in page


def test_the_list_shows_that_a_private_key_was_destroyed(admin_client, destroyed):
    page = admin_client.get(KEYS).content.decode()

    badges = (
        '<span class="layer-state layer-retired">retired</span> '
        '<span class="layer-state layer-none">destroyed</span>'
    )
    assert f'<td class="field-state">{badges}</td>' in page


def test_the_list_shows_a_key_with_its_entry_as_healthy(admin_client, key):
    page = admin_client.get(KEYS)

    assertContains(page, '<span class="layer-state layer-active">active</span>')
    assertNotContains(page, "cannot be decrypted")


@pytest.mark.parametrize("name", ["destroyed", "revoked"])
def test_a_key_without_a_private_key_is_not_said_to_be_undecryptable(
    request, admin_client, lost, name
):
    key = request.getfixturevalue(name)
    lost()

    response = admin_client.get(page_of(key))

    assert list(get_messages(response.wsgi_request)) == []
    assertNotContains(response, CANNOT_BE_DECRYPTED)


def test_the_page_of_an_active_key_says_what_stops_and_what_helps(
    admin_client, app, key, lost
):
    lost()

    response = admin_client.get(page_of(key))

    assert message_of(response) == (
        "error",
        "The private key cannot be decrypted with the present KEY_ENCRYPTION_KEYS: "
        f"Messenger's users get no identity tokens. {REMEDY} {LINK.format(app.pk)}",
    )
    assertContains(response, CANNOT_BE_DECRYPTED)
    assertContains(response, "This key is the app's active key, but it signs nothing")
    assertNotContains(response, "This key signs the app's identity tokens.")


@pytest.mark.parametrize("name", ["draft", "ready", "retired"])
def test_the_page_of_another_key_says_that_it_cannot_sign(
    request, admin_client, app, lost, name
):
    key = request.getfixturevalue(name)
    lost()

    response = admin_client.get(page_of(key))

    assert message_of(response) == (
        "error",
        "The private key cannot be decrypted with the present KEY_ENCRYPTION_KEYS: this "
        f"key cannot sign. {REMEDY} {LINK.format(app.pk)}",
    )


@pytest.mark.parametrize("name", ["ready", "retired"])
def test_a_key_that_cannot_be_decrypted_is_not_said_to_be_ready_for_activation(
    request, admin_client, lost, name
):
    key = request.getfixturevalue(name)
    lost()

    response = admin_client.get(page_of(key))

    assertContains(response, "This key does not sign, and it cannot be activated now.")
    assertNotContains(response, "It can be activated")
    assertNotContains(response, "it can be activated again")
    page = response.content.decode()
    assert not {"Activate", "Activate again"} & set(buttons_of(page))


def test_staff_who_may_not_add_keys_get_no_link_to_import_one(viewer, key, lost):
    lost()

    response = viewer.get(page_of(key))

    level, text = message_of(response)
    assert (level, text.endswith(REMEDY)) == ("error", True)
    assertNotContains(response, "signingkey/add/")


@pytest.mark.parametrize("name", ["draft", "registered", "ready", "key", "retired"])
def test_the_guide_marks_the_private_key_as_the_next_step(
    request, admin_client, lost, name
):
    key = request.getfixturevalue(name)
    lost()

    page = admin_client.get(page_of(key)).content.decode()

    first = re.findall(r'class="layer-step layer-step-(\w+)"', page)[0]
    assert (first, page.count('aria-current="step"')) == ("next", 1)
    assert "<h3>1. Restore the private key <" in page


def test_the_page_of_an_app_says_what_stops_and_what_helps(
    admin_client, app, key, lost
):
    lost()

    response = admin_client.get(f"{APPS}{app.pk}/change/")

    assert message_of(response) == (
        "error",
        "Messenger's users get no identity tokens: the private key of the active key "
        f"cannot be decrypted with the present KEY_ENCRYPTION_KEYS. {REMEDY} "
        f"{LINK.format(app.pk)}",
    )


def test_the_list_of_apps_shows_that_the_active_key_cannot_be_decrypted(
    admin_client, app, key, lost
):
    lost()

    page = admin_client.get(APPS).content.decode()

    badge = '<span class="layer-state layer-lost">active</span>'
    link = LINK.format(app.pk).replace("&", "&amp;")
    cell = f"{badge} {CANNOT_BE_DECRYPTED} {link}"
    assert f'<td class="field-active_key">{cell}</td>' in page


def test_the_list_of_keys_needs_no_query_for_a_key_that_cannot_be_decrypted(
    admin_client, app, key, lost, django_assert_num_queries
):
    lost()
    with CaptureQueriesContext(connection) as one:
        admin_client.get(KEYS)
    keyring.generate_private_key(app)

    with django_assert_num_queries(len(one)):
        admin_client.get(KEYS)


def test_the_revoke_confirmation_does_not_say_that_a_lost_key_signs(
    admin_client, key, draft, lost
):
    lost()
    posted = {"action": "revoke", "_selected_action": [draft.pk]}

    response = admin_client.post(KEYS, posted)

    assertContains(response, "the private key of the active key cannot be decrypted")
    assertNotContains(response, f"goes on signing with the key {KEY_ID}")
