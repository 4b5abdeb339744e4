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
    history,
    history_of,
    messages_of,
    page_of,
    press,
    run_action,
    state_of,
)
from tests.conftest import KEY_ID, OTHER_KEY_ID, PROVIDER_ID
from tests.internals import clear_loaded_keys

THIRD_KEY_ID = UUID("eeeeeeee-0000-4000-8000-000000000005")
NO_KEY = "Its Layer app has no active key: users get no identity tokens until a key is activated."


@pytest.fixture
def other(app) -> SigningKey:
    """A key that another request activates."""
    return keyring.generate_private_key(app, key_id=THIRD_KEY_ID)


def test_the_guide_leads_from_a_draft_to_an_active_key(admin_client, key, draft):
    admin_client.post(page_of(draft), {"key_id": str(OTHER_KEY_ID), "_save": ""})
    press(admin_client, "self_test", draft)
    press(admin_client, "activate", draft)

    assert (state_of(draft), state_of(key)) == ("active", "retired")
    assert history() == [
        f"State: ready → active – in place of {KEY_ID}",
        f"State: active → retired – replaced by {OTHER_KEY_ID}",
        "State: draft → ready – Self-test passed.",
        "Changed Key ID.",
    ]


def test_the_histories_of_a_rotation_name_the_other_key(admin_client, key, ready):
    press(admin_client, "activate", ready)

    assert history_of(key) == [f"State: active → retired – replaced by {OTHER_KEY_ID}"]
    assert history_of(ready) == [f"State: ready → active – in place of {KEY_ID}"]


def test_the_history_of_a_first_activation_names_no_other_key(admin_client, ready):
    press(admin_client, "activate", ready)

    assert history_of(ready) == ["State: ready → active"]


def test_an_activation_names_the_key_that_it_retired(admin_client, key, ready):
    response = press(admin_client, "activate", ready)

    assert messages_of(response) == [
        f"The signing key {OTHER_KEY_ID} is active. The signing key {KEY_ID} was retired."
    ]


@pytest.mark.parametrize(
    ("name", "button", "state"),
    [
        ("registered", "self_test", "ready"),
        ("ready", "activate", "active"),
        ("key", "retire", "retired"),
    ],
)
def test_a_button_on_the_page_of_a_key_returns_to_it(
    request, admin_client, name, button, state
):
    key = request.getfixturevalue(name)

    response = press(admin_client, button, key, post="yes")

    assert response.url == page_of(key)
    assert state_of(key) == state


@pytest.mark.parametrize(
    ("name", "action", "note", "state"),
    [("ready", "activate", "", "active"), ("key", "retire", NO_KEY, "retired")],
    ids=["activate", "retire"],
)
def test_an_action_of_the_list_changes_the_state(
    request, admin_client, name, action, note, state
):
    key = request.getfixturevalue(name)

    response = run_action(admin_client, action, key, post="yes")

    assert state_of(key) == state
    assert messages_of(response) == [
        f"The signing key {key} is {state}. {note}".strip()
    ]
    entry = f"State: {key.state} → {state}"
    assert history_of(key) == [f"{entry} – {note}" if note else entry]


def test_a_retired_key_is_activated_again(admin_client, retired):
    run_action(admin_client, "activate", retired)

    assert state_of(retired) == "active"
    assert history_of(retired) == [
        f"State: retired → active – in place of {OTHER_KEY_ID}"
    ]


@pytest.mark.parametrize(
    ("name", "action", "error"),
    [
        (
            "draft",
            "activate",
            "Enter a key ID for this key first (layer_key_set_id).",
        ),
        ("revoked", "activate", "A revoked key cannot sign. Activate another key."),
        ("ready", "retire", "Only an active key can be retired. This key is ready."),
    ],
    ids=["activate-draft", "activate-revoked", "retire-ready"],
)
def test_an_action_that_the_state_forbids_gives_a_message(
    request, admin_client, name, action, error
):
    key = request.getfixturevalue(name)

    response = run_action(admin_client, action, key)

    assert messages_of(response) == [f"The signing key {key} was not changed. {error}"]
    assert state_of(key) == key.state
    assert history() == []


def test_a_key_that_cannot_be_decrypted_is_not_activated(admin_client, ready, settings):
    settings.LAYER_IDENTITY = {"KEY_ENCRYPTION_KEYS": []}
    clear_loaded_keys()

    response = run_action(admin_client, "activate", ready)

    [message] = messages_of(response)
    assert "was not changed. LAYER_IDENTITY['KEY_ENCRYPTION_KEYS'] is empty" in message
    assert state_of(ready) == "ready"


def test_two_keys_of_an_app_are_not_activated_together(admin_client, key, ready):
    response = run_action(admin_client, "activate", key, ready)

    assert messages_of(response) == [
        "Nothing was changed: a Layer app can have only one active key. Select one key per "
        "Layer app."
    ]
    assert (state_of(key), state_of(ready)) == ("active", "ready")


def test_keys_of_two_apps_are_activated_together(admin_client, ready):
    other = LayerApp.objects.create(
        name="Other", app_id=PROVIDER_ID, provider_id=PROVIDER_ID
    )
    elsewhere = keyring.generate_private_key(other, key_id=KEY_ID)

    run_action(admin_client, "activate", ready, elsewhere)

    assert (state_of(ready), state_of(elsewhere)) == ("active", "active")


def test_each_selected_key_is_changed_separately(admin_client, key, draft):
    response = run_action(admin_client, "retire", key, draft, post="yes")

    assert messages_of(response) == [
        f"The signing key {draft} was not changed. "
        "Only an active key can be retired. This key is draft.",
        f"The signing key {KEY_ID} is retired. {NO_KEY}",
    ]
    assert history() == [f"State: active → retired – {NO_KEY}"]


def test_an_action_that_cannot_be_recorded_changes_nothing(
    admin_client, key, monkeypatch
):
    def fail(*args):
        raise RuntimeError

    monkeypatch.setattr(SigningKeyAdmin, "log_change", fail)

    with pytest.raises(RuntimeError):
        run_action(admin_client, "revoke", key, post="yes", reason="leaked")

    assert state_of(key) == "active"


def test_an_action_without_effect_writes_no_history(admin_client, key):
    response = run_action(admin_client, "activate", key)

    assert messages_of(response) == [f"The signing key {KEY_ID} is active."]
    assert history() == []


@pytest.fixture
def busy(before_key_lock):
    """A database that is locked by another writer."""

    def fail(key):
        raise OperationalError("database is locked")

    before_key_lock(fail)


def test_an_action_on_a_busy_database_names_the_key(admin_client, key, busy):
    response = run_action(admin_client, "retire", key, post="yes")

    assert messages_of(response) == [
        f"The signing key {key} was not changed. "
        "The database is busy, so nothing was changed. Try again."
    ]
    assert (state_of(key), history()) == ("active", [])


def test_a_key_id_entered_on_a_busy_database_gives_a_message(admin_client, draft, busy):
    response = admin_client.post(page_of(draft), {"key_id": str(KEY_ID)})

    assert response.url == page_of(draft)
    assert messages_of(response) == [
        "The database is busy, so nothing was changed. Try again."
    ]
    assert state_of(draft) == "draft"


def test_revoking_a_revoked_key_gives_a_message(admin_client, key):
    key.revoke("first")

    response = run_action(admin_client, "revoke", key, post="yes", reason="second")

    assert messages_of(response) == [
        f"The signing key {key} was already revoked. Nothing was changed."
    ]
    assert SigningKey.objects.get(pk=key.pk).revocation_reason == "first"
    assert history() == []


def test_a_key_revoked_concurrently_is_reported_as_already_revoked(
    admin_client, key, before_key_lock
):
    before_key_lock(lambda key: key.revoke("by another request"))

    response = run_action(admin_client, "revoke", key, post="yes", reason="second")

    assert messages_of(response) == [
        f"The signing key {key} was already revoked. Nothing was changed."
    ]
    assert history() == []


def test_the_second_of_two_activations_gives_a_message(
    admin_client, key, ready, other, before_key_write
):
    before_key_write(other.activate)

    response = run_action(admin_client, "activate", ready)

    assert messages_of(response) == [
        f"The signing key {OTHER_KEY_ID} was not changed. Another key "
        f"({THIRD_KEY_ID}) was activated at the same time. Reload and try again."
    ]
    assert (state_of(ready), state_of(other), history()) == ("ready", "active", [])


@pytest.mark.parametrize("action", ["self_test", "activate", "retire"])
def test_an_action_on_a_deleted_key_redirects_to_the_list(admin_client, draft, action):
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


def test_a_damaged_public_key_is_reported(admin_client, key):
    SigningKey.objects.update(public_key="damaged")

    response = press(admin_client, "self_test", key)

    assert messages_of(response) == [
        f"The signing key {key} was not changed. The stored public key is damaged. Restore that row from a backup."
    ]


def test_a_subclass_may_pass_context_to_the_list(key, rf, admin_user):
    request = rf.get(KEYS)
    request.user = admin_user

    response = site.get_model_admin(SigningKey).changelist_view(
        request, extra_context={"more": "context"}
    )

    assert response.context_data["more"] == "context"
