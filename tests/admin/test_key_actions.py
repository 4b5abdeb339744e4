from __future__ import annotations

from uuid import UUID

import pytest
from django.contrib.admin import site
from django.db import OperationalError

from django_layer_identity import keyring
from django_layer_identity.admin.keys import SigningKeyAdmin
from django_layer_identity.models import LayerApp, SigningKey
from tests.admin.pages import (
    KEYS,
    act,
    history,
    history_of,
    page_of,
    press,
    said,
    state_of,
)
from tests.conftest import KEY_ID, OTHER_KEY_ID, PROVIDER_ID
from tests.internals import clear_loaded_keys

THIRD_KEY_ID = UUID("eeeeeeee-0000-4000-8000-000000000005")


@pytest.fixture
def other(app) -> SigningKey:
    """A key that somebody else activates."""
    return keyring.generate_private_key(app, key_id=THIRD_KEY_ID)


def test_the_guide_leads_from_a_draft_to_an_active_key(admin_client, key, draft):
    admin_client.post(page_of(draft), {"key_id": str(OTHER_KEY_ID), "_save": ""})
    press(admin_client, "self_test", draft)
    press(admin_client, "activate", draft)

    assert (state_of(draft), state_of(key)) == ("active", "retired")
    assert history() == [
        "State: ready → active",
        "State: active → retired",
        "State: draft → ready – Self-test passed.",
        "Changed Key ID.",
    ]


def test_a_key_that_another_one_retires_has_it_in_its_history(admin_client, key, ready):
    press(admin_client, "activate", ready)

    assert history_of(key) == ["State: active → retired"]
    assert history_of(ready) == ["State: ready → active"]


@pytest.mark.parametrize(
    ("name", "button", "state"),
    [
        ("registered", "self_test", "ready"),
        ("ready", "activate", "active"),
        ("key", "retire", "retired"),
    ],
)
def test_a_button_on_the_page_of_a_key_leads_back_to_it(
    request, admin_client, name, button, state
):
    key = request.getfixturevalue(name)

    response = press(admin_client, button, key)

    assert response.url == page_of(key)
    assert state_of(key) == state


@pytest.mark.parametrize(
    ("name", "action", "more", "state"),
    [
        ("ready", "activate", {}, "active"),
        ("retired", "activate", {}, "active"),
        ("key", "retire", {}, "retired"),
    ],
    ids=["activate", "again", "retire"],
)
def test_an_action_of_the_list_acts(request, admin_client, name, action, more, state):
    key = request.getfixturevalue(name)

    response = act(admin_client, action, key, **more)

    assert state_of(key) == state
    assert said(response) == [f"The signing key {key} is {state} now."]
    assert history_of(key) == [f"State: {key.state} → {state}"]


@pytest.mark.parametrize(
    ("name", "action", "error"),
    [
        (
            "draft",
            "activate",
            "stays draft: Enter the key ID that Layer assigned to this key first.",
        ),
        (
            "revoked",
            "activate",
            "stays revoked: A revoked key cannot sign. Activate another key.",
        ),
        (
            "ready",
            "retire",
            "stays ready: Only an active key can be retired. This key is ready.",
        ),
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
    clear_loaded_keys()

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
    elsewhere = keyring.generate_private_key(other, key_id=KEY_ID)

    act(admin_client, "activate", ready, elsewhere)

    assert (state_of(ready), state_of(elsewhere)) == ("active", "active")


def test_of_several_keys_each_is_acted_on_by_itself(admin_client, key, draft):
    response = act(admin_client, "retire", key, draft)

    assert said(response) == [
        f"The signing key {draft} stays draft: Only an active key can be retired. This key is draft.",
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


@pytest.fixture
def busy(before_key_lock):
    """A database that somebody else is writing to."""

    def fail(key):
        raise OperationalError("database is locked")

    before_key_lock(fail)


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


def test_a_key_that_is_revoked_again_keeps_its_reason_and_says_so(admin_client, key):
    key.revoke("first")

    response = act(admin_client, "revoke", key, post="yes", reason="second")

    assert said(response) == [f"The signing key {key} was revoked already."]
    assert SigningKey.objects.get(pk=key.pk).revocation_reason == "first"
    assert history() == []


def test_whoever_comes_second_is_not_said_to_have_acted(
    admin_client, key, before_key_lock
):
    before_key_lock(lambda key: key.revoke("by somebody else, a moment ago"))

    response = act(admin_client, "revoke", key, post="yes", reason="second")

    assert said(response) == [f"The signing key {key} was revoked already."]
    assert history() == []


def test_whoever_activates_a_key_second_is_told(
    admin_client, key, ready, other, before_key_write
):
    before_key_write(other.activate)

    response = act(admin_client, "activate", ready)

    assert said(response) == [
        f"The signing key {OTHER_KEY_ID} stays ready: Another key ({THIRD_KEY_ID}) was "
        "activated at the same time. Reload and try again."
    ]
    assert (state_of(ready), state_of(other), history()) == ("ready", "active", [])


@pytest.mark.parametrize("action", ["self_test", "activate", "retire"])
def test_an_act_from_the_page_of_a_key_that_is_gone_leads_to_the_list(
    admin_client, draft, action
):
    page, pk = page_of(draft), draft.pk
    draft.delete()
    draft.pk = pk

    response = press(admin_client, action, draft)

    assert response.status_code == 302
    assert response.url != page


def test_the_buttons_work_where_numbers_have_separators(admin_client, app, settings):
    settings.USE_THOUSAND_SEPARATOR = True
    draft = keyring.generate_private_key(app)
    SigningKey.objects.filter(pk=draft.pk).update(id=1234)
    draft.pk = 1234

    page = admin_client.get(page_of(draft)).content.decode()

    assert '<input type="hidden" name="_selected_action" value="1234">' in page


def test_a_damaged_public_half_is_told_beside_the_key(admin_client, key):
    SigningKey.objects.update(public_key="damaged")

    response = press(admin_client, "self_test", key)

    assert said(response) == [
        f"The signing key {key} stays active: The stored public half is damaged."
    ]


def test_a_subclass_may_hand_context_to_the_list(key, rf, admin_user):
    request = rf.get(KEYS)
    request.user = admin_user

    response = site.get_model_admin(SigningKey).changelist_view(
        request, extra_context={"more": "of it"}
    )

    assert response.context_data["more"] == "of it"
