"""Each action has its permission; staff who may only view keys cannot change them."""

from __future__ import annotations

import pytest
from pytest_django.asserts import assertContains, assertNotContains

from django_layer_identity.models import SigningKey
from tests.admin.pages import (
    KEYS,
    buttons_of,
    history,
    history_of,
    page_of,
    press,
    run_action,
    state_of,
)
from tests.conftest import APP_ID

ACTIONS = ["self_test", "activate", "retire", "destroy", "revoke"]


@pytest.mark.parametrize(
    "name", ["draft", "registered", "ready", "key", "retired", "revoked"]
)
def test_staff_who_may_only_view_see_a_key_without_buttons(request, viewer, name):
    key = request.getfixturevalue(name)

    response = viewer.get(page_of(key))

    assertContains(response, f'<span class="layer-state layer-{key.state}">')
    assertContains(response, key.public_key.splitlines()[1])
    assertNotContains(response, 'name="key_id"')
    assert buttons_of(response.content.decode()) == []


def test_staff_who_may_only_view_see_no_actions_in_the_list(viewer, key):
    assertNotContains(viewer.get(KEYS), 'name="action"')


def test_staff_who_may_only_view_cannot_enter_a_key_id(viewer, key, ready):
    before = list(SigningKey.objects.values())

    for seen in (key, ready):
        posted = {"key_id": str(APP_ID), "_save": ""}
        assert viewer.post(page_of(seen), posted).status_code == 403

    assert list(SigningKey.objects.values()) == before


@pytest.mark.parametrize("send", [run_action, press], ids=["list", "page"])
@pytest.mark.parametrize("name", ["registered", "ready", "key", "retired"])
@pytest.mark.parametrize("button", ACTIONS)
def test_staff_who_may_only_view_cannot_run_an_action(
    request, viewer, name, button, send
):
    key = request.getfixturevalue(name)
    before = list(SigningKey.objects.values())

    response = send(viewer, button, key, post="yes", reason="leaked")

    assert response.status_code == 403
    assert list(SigningKey.objects.values()) == before
    assert history() == []


def test_staff_without_the_view_permission_cannot_run_an_action(staff, key):
    response = run_action(staff("view_layerapp"), "retire", key)

    assert (response.status_code, state_of(key)) == (403, "active")


@pytest.mark.parametrize(
    ("permission", "button", "name", "state"),
    [
        ("change_signingkey", "self_test", "registered", "ready"),
        ("activate_signingkey", "activate", "ready", "active"),
        ("activate_signingkey", "activate", "retired", "active"),
        ("retire_signingkey", "retire", "key", "retired"),
        ("destroy_signingkey", "destroy", "retired", "retired"),
        ("revoke_signingkey", "revoke", "key", "revoked"),
    ],
)
def test_each_action_needs_its_own_permission(
    request, staff, permission, button, name, state
):
    key = request.getfixturevalue(name)
    client = staff("view_signingkey", permission)

    response = press(client, button, key, post="yes", reason="leaked")

    assert response.url == page_of(key)
    assert state_of(key) == state
    assert len(history_of(key)) == 1
    for other in {*ACTIONS} - {button}:
        assert press(client, other, key, post="yes", reason="x").status_code == 403


@pytest.mark.parametrize(
    ("permission", "name", "buttons"),
    [
        ("change_signingkey", "ready", ["Save key ID", "Run again"]),
        ("activate_signingkey", "ready", ["Activate"]),
        ("activate_signingkey", "retired", ["Activate again"]),
        ("retire_signingkey", "key", ["Retire…"]),
        ("destroy_signingkey", "retired", ["Destroy private key…"]),
        ("revoke_signingkey", "key", ["Revoke…"]),
    ],
)
def test_each_button_needs_its_own_permission(
    request, staff, permission, name, buttons
):
    key = request.getfixturevalue(name)
    client = staff("view_signingkey", permission)

    page = client.get(page_of(key)).content.decode()

    assert buttons_of(page) == buttons


def test_staff_who_may_not_activate_are_told_to_ask_a_colleague(staff, ready):
    page = staff("view_signingkey", "change_signingkey").get(page_of(ready))

    assertContains(page, "You do not have the permission to activate signing keys.")


@pytest.mark.parametrize("button", ACTIONS)
def test_a_get_request_never_changes_a_key(admin_client, key, ready, button):
    before = list(SigningKey.objects.values())
    query = {"action": button, "_selected_action": ready.pk, "post": "yes"}

    admin_client.get(KEYS, query)
    admin_client.get(page_of(key), {f"_{button}": ""})

    assert list(SigningKey.objects.values()) == before
