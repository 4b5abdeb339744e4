from __future__ import annotations

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.utils.html import escape
from pytest_django.asserts import assertContains, assertNotContains

from django_layer_identity.admin.signing_keys import SigningKeyAdmin
from django_layer_identity.exceptions import KeyStateError
from django_layer_identity.keys.signers import forget_loaded_keys
from django_layer_identity.models import LayerApp, SigningKey
from tests.conftest import APP_ID, KEY_ID, OTHER_KEY_ID, PROVIDER_ID

KEYS = "/admin/layer_identity/signingkey/"


@pytest.fixture
def draft(app, other_private_key) -> SigningKey:
    """A key that waits for its key ID."""
    key = SigningKey.from_private_key(app, other_private_key)
    key.save()
    return key


@pytest.fixture
def ready(draft) -> SigningKey:
    draft.set_key_id(OTHER_KEY_ID)
    return draft


@pytest.fixture
def retired(key, ready) -> SigningKey:
    ready.activate()
    key.refresh_from_db()
    return key


@pytest.fixture
def revoked(key) -> SigningKey:
    key.revoke()
    return key


@pytest.fixture
def viewer(db, client):
    """A client of staff who may see keys, and nothing else."""
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_signingkey"))
    client.force_login(user)
    return client


def page_of(key):
    return f"{KEYS}{key.pk}/change/"


def act(client, action, *keys, **more):
    """Choose an action for some keys of the list."""
    selected = {"_selected_action": [key.pk for key in keys]}
    return client.post(KEYS, {"action": action, **selected, **more})


def state_of(key):
    return SigningKey.objects.get(pk=key.pk).state


def errors(response):
    return response.context["adminform"].form.errors


def said(response):
    return [str(message) for message in get_messages(response.wsgi_request)]


def history():
    return [entry.get_change_message() for entry in LogEntry.objects.all()]


# The page of a key


def test_the_page_of_a_key_shows_what_to_compare_and_to_register(admin_client, draft):
    response = admin_client.get(page_of(draft))

    digits = " ".join(re.findall("....", draft.fingerprint))
    assertContains(response, f'<code class="layer-digits">{digits}</code>')
    pem = escape(draft.public_key)
    assertContains(response, f'<pre class="layer-pem">{pem}</pre>')
    assertContains(response, "Register this public key in Layer&#x27;s dashboard")


@pytest.mark.parametrize(
    ("name", "buttons"),
    [
        ("draft", ["Save", "Save and activate", "Revoke…"]),
        ("ready", ["Save", "Save and activate", "Revoke…"]),
        ("key", ["Retire", "Revoke…"]),
        ("retired", ["Activate again", "Revoke…"]),
        ("revoked", []),
    ],
    ids=["draft", "ready", "active", "retired", "revoked"],
)
def test_the_page_of_a_key_offers_what_its_state_allows(
    request, admin_client, name, buttons
):
    key = request.getfixturevalue(name)

    page = admin_client.get(page_of(key)).content.decode()

    assert re.findall(r'<input type="submit"[^>]* value="([^"]+)"', page) == buttons
    assert f'<span class="layer-state layer-{key.state}">{key.state}</span>' in page


@pytest.mark.parametrize("url", ["", "{}/change/", "{}/history/"])
def test_no_page_of_a_key_has_its_private_half(admin_client, key, url):
    response = admin_client.get(KEYS + url.format(key.pk))

    assert response.status_code == 200
    assertNotContains(response, "lid1:")
    assertNotContains(response, key.encrypted_private_key.rpartition(":")[2][:24])


@pytest.mark.parametrize(
    "lookup",
    [
        "signingkey/?encrypted_private_key__startswith",
        "signingkey/?encrypted_private_key",
        "signingkey/?app__keys__encrypted_private_key__startswith",
        "layerapp/?keys__encrypted_private_key__startswith",
        "layerapp/?active_key__encrypted_private_key__startswith",
    ],
)
def test_no_list_can_be_asked_what_the_private_half_is(admin_client, key, lookup):
    response = admin_client.get(f"/admin/layer_identity/{lookup}=lid1")

    assert response.status_code == 400


def test_keys_are_filtered_by_app(admin_client, app, key):
    other = LayerApp.objects.create(
        name="Other", app_id=PROVIDER_ID, provider_id=PROVIDER_ID
    )

    for chosen, found in ((app, [key]), (other, [])):
        response = admin_client.get(KEYS, {"app__id__exact": chosen.pk})

        assert list(response.context["cl"].result_list) == found


def test_keys_are_never_deleted(admin_client, key):
    assert admin_client.post(f"{KEYS}{key.pk}/delete/").status_code == 403

    act(admin_client, "delete_selected", key, post="yes")

    assert SigningKey.objects.get() == key


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (str(KEY_ID), 1),
        (f"layer:///keys/{KEY_ID}", 1),
        (str(OTHER_KEY_ID), 0),
    ],
    ids=["key-id", "prefixed", "of-no-key"],
)
def test_keys_are_searched_by_key_id(admin_client, key, text, found):
    response = admin_client.get(KEYS, {"q": text})

    assert response.context["cl"].result_count == found


def test_keys_are_searched_by_the_beginning_of_a_fingerprint(admin_client, key, draft):
    response = admin_client.get(KEYS, {"q": draft.fingerprint[:12]})

    assert list(response.context["cl"].result_list) == [draft]


# The key ID


@pytest.mark.parametrize(
    "key_id",
    [str(OTHER_KEY_ID), str(OTHER_KEY_ID).upper(), f"layer:///keys/{OTHER_KEY_ID}"],
    ids=["bare", "upper-case", "prefixed"],
)
def test_a_key_id_is_entered(admin_client, draft, key_id):
    response = admin_client.post(page_of(draft), {"key_id": key_id, "_save": ""})

    draft.refresh_from_db()
    assert (draft.key_id, draft.state) == (OTHER_KEY_ID, "ready")
    assert response.url == page_of(draft)
    assert history() == ["Changed Key ID."]


@pytest.mark.parametrize(
    ("key_id", "error"),
    [
        ("", "A key ID is a UUID or has the form layer:///keys/<uuid>."),
        (
            f"layer:///providers/{PROVIDER_ID}",
            "This is a provider ID; a key ID belongs here.",
        ),
        (
            str(PROVIDER_ID),
            "This is the Layer app's provider ID; a key ID belongs here.",
        ),
        (str(APP_ID), "This is the Layer app's app ID; a key ID belongs here."),
        (str(KEY_ID), "Another key of this app has this key ID."),
    ],
    ids=["empty", "provider", "provider-bare", "app-bare", "of-another-key"],
)
@pytest.mark.parametrize("button", ["_save", "_activate"])
def test_a_wrong_key_id_is_not_entered(admin_client, key, draft, key_id, error, button):
    response = admin_client.post(page_of(draft), {"key_id": key_id, button: ""})

    assert errors(response) == {"key_id": [error]}
    assert state_of(draft) == "draft"
    assert history() == []


def test_beside_an_error_the_key_is_shown_as_it_is(admin_client, key, draft):
    response = admin_client.post(page_of(draft), {"key_id": str(KEY_ID), "_save": ""})

    assertContains(response, '<span class="layer-state layer-draft">draft</span>')


def test_saving_the_same_key_id_changes_nothing(admin_client, ready):
    admin_client.post(page_of(ready), {"key_id": str(OTHER_KEY_ID), "_save": ""})

    assert SigningKey.objects.get().key_id == OTHER_KEY_ID
    assert history() == []


def test_the_key_id_of_a_key_that_was_active_is_final(admin_client, key):
    admin_client.post(page_of(key), {"key_id": str(OTHER_KEY_ID), "_save": ""})

    assert SigningKey.objects.get().key_id == KEY_ID


def test_a_key_id_that_became_final_a_moment_ago_is_told(
    admin_client, draft, monkeypatch
):
    def refuse(*args):
        raise KeyStateError("The key ID of such a key is never changed.")

    monkeypatch.setattr(SigningKey, "set_key_id", refuse)

    posted = {"key_id": str(OTHER_KEY_ID), "_save": ""}
    response = admin_client.post(page_of(draft), posted)

    assert response.url == page_of(draft)
    assert said(response) == ["The key ID of such a key is never changed."]
    assert history() == []


# Activate, retire, revoke


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
        ("draft", "revoke", {"post": "yes"}, "revoked"),
        ("key", "revoke", {"post": "yes"}, "revoked"),
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
        act(admin_client, "revoke", key, post="yes")

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

    admin_client.post(KEYS, dict(hidden))

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
