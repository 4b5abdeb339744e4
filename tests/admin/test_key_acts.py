from __future__ import annotations

import re

import pytest
from django.db import OperationalError
from pytest_django.asserts import assertContains, assertNotContains

from django_layer_identity.admin.signing_keys import SigningKeyAdmin
from django_layer_identity.keys.signers import forget_loaded_keys
from django_layer_identity.models import LayerApp, SigningKey, turns
from tests.admin.pages import KEYS, act, history, page_of, said, state_of
from tests.conftest import APP_ID, KEY_ID, OTHER_KEY_ID, PROVIDER_ID


def test_a_key_is_activated_with_the_key_id_just_entered(admin_client, key, draft):
    posted = {"key_id": str(OTHER_KEY_ID), "_activate": ""}
    response = admin_client.post(page_of(draft), posted)

    assert response.url == page_of(draft)
    assert (state_of(draft), state_of(key)) == ("active", "retired")
    assert said(response) == [f"The signing key {OTHER_KEY_ID} is active now."]
    assert history() == ["State: ready → active", "Changed Key ID."]


@pytest.mark.parametrize(
    ("name", "button", "state"),
    [("ready", "_activate", "active"), ("key", "_retire", "retired")],
    ids=["activate", "retire"],
)
def test_a_button_on_the_page_of_a_key_acts(request, admin_client, name, button, state):
    key = request.getfixturevalue(name)

    response = admin_client.post(page_of(key), {"key_id": key.key_id, button: ""})

    assert response.url == page_of(key)
    assert state_of(key) == state
    assert said(response) == [f"The signing key {key} is {state} now."]
    assert history() == [f"State: {key.state} → {state}"]


@pytest.mark.parametrize(
    ("name", "action", "more", "state"),
    [
        ("ready", "activate", {}, "active"),
        ("retired", "activate", {}, "active"),
        ("key", "retire", {}, "retired"),
        ("draft", "revoke", {"post": "yes", "reason": "leaked"}, "revoked"),
        ("key", "revoke", {"post": "yes", "reason": "leaked"}, "revoked"),
    ],
    ids=["activate", "again", "retire", "revoke-draft", "revoke-active"],
)
def test_an_action_of_the_list_acts(request, admin_client, name, action, more, state):
    key = request.getfixturevalue(name)

    response = act(admin_client, action, key, **more)

    assert state_of(key) == state
    assert said(response) == [f"The signing key {key} is {state} now."]
    assert history() == [f"State: {key.state} → {state}"]


@pytest.mark.parametrize(
    ("name", "action", "error"),
    [
        (
            "draft",
            "activate",
            "stays draft: Enter the key ID that Layer gave to this key first.",
        ),
        ("revoked", "activate", "stays revoked: A revoked key never signs again."),
        ("ready", "retire", "stays ready: This key is ready, not active."),
    ],
    ids=["activate-draft", "activate-revoked", "retire-ready"],
)
def test_what_a_state_forbids_is_told_and_not_done(
    request, admin_client, name, action, error
):
    key = request.getfixturevalue(name)

    response = act(admin_client, action, key)

    assert said(response) == [f"The signing key {key} {error}"]
    assert state_of(key) == key.state
    assert history() == []


def test_a_key_that_cannot_be_decrypted_is_not_activated(admin_client, ready, settings):
    settings.LAYER_IDENTITY = {"KEY_ENCRYPTION_KEYS": []}
    forget_loaded_keys()

    response = act(admin_client, "activate", ready)

    [message] = said(response)
    assert "stays ready: LAYER_IDENTITY['KEY_ENCRYPTION_KEYS'] is empty" in message
    assert state_of(ready) == "ready"


def test_two_keys_of_an_app_are_not_activated_together(admin_client, key, ready):
    response = act(admin_client, "activate", key, ready)

    assert said(response) == [
        "Of each Layer app one key is active: select one to activate."
    ]
    assert (state_of(key), state_of(ready)) == ("active", "ready")


def test_keys_of_two_apps_are_activated_together(admin_client, ready):
    other = LayerApp.objects.create(
        name="Other", app_id=PROVIDER_ID, provider_id=PROVIDER_ID
    )
    elsewhere = SigningKey.objects.generate(other, key_id=KEY_ID)

    act(admin_client, "activate", ready, elsewhere)

    assert (state_of(ready), state_of(elsewhere)) == ("active", "active")


def test_of_several_keys_each_is_acted_on_by_itself(admin_client, key, draft):
    response = act(admin_client, "retire", key, draft)

    assert said(response) == [
        f"The signing key {draft} stays draft: This key is draft, not active.",
        f"The signing key {KEY_ID} is retired now.",
    ]
    assert history() == ["State: active → retired"]


def test_an_act_that_cannot_be_recorded_is_not_done(admin_client, key, monkeypatch):
    def fail(*args):
        raise RuntimeError

    monkeypatch.setattr(SigningKeyAdmin, "log_change", fail)

    with pytest.raises(RuntimeError):
        act(admin_client, "revoke", key, post="yes", reason="leaked")

    assert state_of(key) == "active"


def test_an_act_without_effect_leaves_no_history(admin_client, key):
    response = act(admin_client, "activate", key)

    assert said(response) == [f"The signing key {KEY_ID} is active now."]
    assert history() == []


def test_revoking_asks_first(admin_client, key):
    response = act(admin_client, "revoke", key)

    assertContains(response, "Revoking cannot be undone")
    assertContains(response, "The stored private half is destroyed")
    assertContains(response, "live on until they expire")
    hidden = f'<input type="hidden" name="_selected_action" value="{key.pk}">'
    assertContains(response, hidden, html=True)
    assertContains(response, f'href="{page_of(key)}" class="button cancel-link"')
    assert (state_of(key), history()) == ("active", [])


def test_the_button_that_revokes_asks_first_too(admin_client, key):
    page = admin_client.get(page_of(key))

    form = f'<form id="revoke_form" method="post" action="{KEYS}">'
    assertContains(page, form)
    assertContains(page, f'name="_selected_action" value="{key.pk}"')


def test_revoking_destroys_the_private_half(admin_client, key):
    page = act(admin_client, "revoke", key).content.decode()
    hidden = re.findall(r'<input type="hidden" name="(.+?)" value="(.+?)">', page)

    admin_client.post(KEYS, {**dict(hidden), "reason": "leaked"})

    key.refresh_from_db()
    assert (key.state, key.encrypted_private_key) == ("revoked", "")


# Who may only look


@pytest.mark.parametrize("name", ["draft", "key", "retired"])
def test_staff_who_may_only_look_see_a_key_and_no_button(request, viewer, name):
    key = request.getfixturevalue(name)

    response = viewer.get(page_of(key))

    assertContains(response, f'<span class="layer-state layer-{key.state}">')
    assertNotContains(response, '<input type="submit"')
    assertNotContains(response, "revoke_form")


@pytest.mark.parametrize("button", ["_save", "_activate", "_retire"])
def test_staff_who_may_only_look_cannot_act_on_the_page(viewer, key, ready, button):
    before = list(SigningKey.objects.values())

    for seen in (key, ready):
        posted = {"key_id": str(APP_ID), button: ""}
        assert viewer.post(page_of(seen), posted).status_code == 403

    assert list(SigningKey.objects.values()) == before


@pytest.mark.parametrize("action", ["activate", "retire", "revoke"])
def test_staff_who_may_only_look_cannot_act_on_the_list(viewer, key, ready, action):
    before = list(SigningKey.objects.values())

    act(viewer, action, key, post="yes")
    act(viewer, action, ready, post="yes")

    assert list(SigningKey.objects.values()) == before
    assert history() == []


@pytest.mark.parametrize("action", ["activate", "retire", "revoke"])
def test_reading_a_page_never_acts(admin_client, key, ready, action):
    before = list(SigningKey.objects.values())
    asked = {"action": action, "_selected_action": ready.pk, "post": "yes"}

    admin_client.get(KEYS, asked)
    admin_client.get(page_of(key), {f"_{action}": ""})

    assert list(SigningKey.objects.values()) == before


@pytest.fixture
def busy(monkeypatch):
    """A database that somebody else is writing to."""

    def fail(*args, **kwargs):
        raise OperationalError("database is locked")

    monkeypatch.setattr(turns, "_wait_for_turn", fail)


def test_a_busy_database_is_told_beside_the_key(admin_client, key, busy):
    response = act(admin_client, "retire", key)

    assert said(response) == [
        f"The signing key {key} stays active: "
        "The database is busy. Nothing was changed: try again."
    ]
    assert (state_of(key), history()) == ("active", [])


def test_a_busy_database_is_told_where_a_key_id_is_entered(admin_client, draft, busy):
    response = admin_client.post(page_of(draft), {"key_id": str(KEY_ID)})

    assert response.url == page_of(draft)
    assert said(response) == ["The database is busy. Nothing was changed: try again."]
    assert state_of(draft) == "draft"
