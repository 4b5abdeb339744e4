from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.html import escape
from pytest_django.asserts import assertContains, assertNotContains

from django_layer_identity.exceptions import KeyStateError
from django_layer_identity.models import LayerApp, SigningKey
from tests.admin.pages import (
    KEYS,
    buttons_of,
    errors,
    history,
    messages_of,
    page_of,
    run_action,
    state_of,
)
from tests.conftest import APP_ID, KEY_ID, OTHER_KEY_ID, PROVIDER_ID


def test_the_page_of_a_key_shows_fingerprint_and_public_key(admin_client, draft):
    response = admin_client.get(page_of(draft))

    digits = " ".join(re.findall("....", draft.fingerprint))
    assertContains(response, f'<code class="layer-digits">{digits}</code>')
    pem = escape(draft.public_key)
    assertContains(response, f'<pre class="layer-pem" tabindex="0">{pem}</pre>')
    assertContains(
        response, "a copy of the public key below: compare the fingerprint there."
    )


@pytest.mark.parametrize(
    ("name", "buttons"),
    [
        ("draft", ["Save key ID", "Revoke…"]),
        ("registered", ["Save key ID", "Run the self-test", "Revoke…"]),
        ("ready", ["Save key ID", "Run again", "Activate", "Revoke…"]),
        ("key", ["Run again", "Retire…", "Revoke…"]),
        (
            "retired",
            [
                "Run again",
                "Activate again",
                "Destroy private key…",
                "Revoke…",
            ],
        ),
        ("destroyed", ["Revoke…"]),
        ("revoked", []),
    ],
)
def test_the_page_of_a_key_shows_the_buttons_of_its_state(
    request, admin_client, name, buttons
):
    key = request.getfixturevalue(name)

    page = admin_client.get(page_of(key)).content.decode()

    assert buttons_of(page) == buttons
    assert f'<span class="layer-state layer-{key.state}">{key.state}</span>' in page


@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        ("draft", ["done", "next", "later", "later"]),
        ("registered", ["done", "done", "next", "later"]),
        ("ready", ["done", "done", "done", "next"]),
        ("key", ["done", "done", "done", "done"]),
        ("retired", ["done", "done", "done", "done"]),
        ("revoked_draft", ["done", "later", "later", "later"]),
    ],
)
def test_the_page_of_a_key_marks_the_next_step(request, admin_client, name, statuses):
    key = request.getfixturevalue(name)

    page = admin_client.get(page_of(key)).content.decode()

    assert re.findall(r'class="layer-step layer-step-(\w+)"', page) == statuses
    assert page.count('aria-current="step"') == statuses.count("next")


def test_the_guide_says_when_each_step_was_done(admin_client, ready):
    page = admin_client.get(page_of(ready)).content.decode()

    status = r'<span class="layer-step-status">(\S+) (\w+)'
    assert re.findall(status, page) == [
        ("✓", "done"),
        ("✓", "done"),
        ("✓", "done"),
        ("→", "next"),
    ]


def test_the_page_of_a_linked_key_names_its_signing_backend(admin_client, draft):
    SigningKey.objects.filter(pk=draft.pk).update(
        signer="vault", encrypted_private_key=""
    )

    response = admin_client.get(page_of(draft))

    assertContains(response, "in the signing backend “vault”")
    assertContains(response, "The private key stays in the signing backend")


def test_a_destroyed_private_key_is_shown_as_destroyed(admin_client, destroyed):
    response = admin_client.get(page_of(destroyed))

    assertContains(response, '<div class="readonly">destroyed</div>', html=True)
    assertContains(response, "The private key was destroyed.")
    assertNotContains(response, "The private key is stored encrypted")


def test_the_list_shows_age_and_last_use(admin_client, key, draft):
    hours = timezone.now() - timedelta(hours=3)
    SigningKey.objects.filter(pk=key.pk).update(created_at=hours, last_used_at=hours)

    page = admin_client.get(KEYS).content.decode()

    cells = re.findall(r'<td class="field-(age|last_use)[^"]*">([^<]+)</td>', page)
    assert cells == [
        ("age", "0\xa0minutes"),
        ("last_use", "never"),
        ("age", "3\xa0hours"),
        ("last_use", "3\xa0hours ago"),
    ]


# The public key as a file


def test_the_public_key_can_be_downloaded(admin_client, draft):
    response = admin_client.get(f"{KEYS}{draft.pk}/public.pem")

    assert response.content.decode() == draft.public_key
    assert response["Content-Type"] == "application/x-pem-file"
    assert response["Content-Disposition"] == (
        f'attachment; filename="layer-public-key-{draft.fingerprint[:16]}.pem"'
    )
    link = '<a href="../public.pem" download>'
    assertContains(admin_client.get(page_of(draft)), link)


def test_the_public_key_of_an_unknown_key_is_not_found(admin_client):
    assert admin_client.get(f"{KEYS}7/public.pem").status_code == 404


def test_staff_without_the_view_permission_get_no_public_key(client, draft):
    client.force_login(User.objects.create_user("clerk", is_staff=True))

    assert client.get(f"{KEYS}{draft.pk}/public.pem").status_code == 403


def test_anonymous_users_must_log_in_for_a_public_key(client, draft):
    response = client.get(f"{KEYS}{draft.pk}/public.pem")

    assert response.url == f"/admin/login/?next={KEYS}{draft.pk}/public.pem"


@pytest.mark.parametrize("url", ["", "{}/change/", "{}/history/"])
def test_no_page_of_a_key_shows_its_private_key(admin_client, key, url):
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
def test_no_list_can_be_filtered_by_the_private_key(admin_client, key, lookup):
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

    run_action(admin_client, "delete_selected", key, post="yes")

    assert SigningKey.objects.get() == key


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (str(KEY_ID), 1),
        (f"layer:///keys/{KEY_ID}", 1),
        (str(OTHER_KEY_ID), 0),
    ],
    ids=["key-id", "prefixed", "unknown"],
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
    assert (draft.key_id, draft.state) == (OTHER_KEY_ID, "draft")
    assert response.url == page_of(draft)
    assert history() == ["Changed Key ID."]


@pytest.mark.parametrize(
    ("key_id", "error"),
    [
        ("", "A key ID must be a UUID or have the form layer:///keys/<uuid>."),
        (
            "-----BEGIN PRIVATE KEY-----MIIEvQ",
            "A key ID must be a UUID or have the form layer:///keys/<uuid>.",
        ),
        (
            f"layer:///providers/{PROVIDER_ID}",
            "This is a provider ID. Use a key ID here.",
        ),
        (
            str(PROVIDER_ID),
            "This is the provider ID of the Layer app. Enter the key ID instead.",
        ),
        (str(APP_ID), "This is the app ID of the Layer app. Enter the key ID instead."),
        (str(KEY_ID), "Another key of this Layer app has this key ID."),
    ],
    ids=[
        "empty",
        "private-key",
        "provider",
        "provider-bare",
        "app-bare",
        "of-another-key",
    ],
)
def test_an_invalid_key_id_is_refused(admin_client, key, draft, key_id, error):
    response = admin_client.post(page_of(draft), {"key_id": key_id, "_save": ""})

    assert errors(response) == {"key_id": [error]}
    assert state_of(draft) == "draft"
    assert history() == []


def test_after_an_error_the_page_shows_the_stored_key(admin_client, key, draft):
    response = admin_client.post(page_of(draft), {"key_id": str(KEY_ID), "_save": ""})

    assertContains(response, '<span class="layer-state layer-draft">draft</span>')


def test_saving_the_same_key_id_changes_nothing(admin_client, ready):
    admin_client.post(page_of(ready), {"key_id": str(OTHER_KEY_ID), "_save": ""})

    assert SigningKey.objects.get().key_id == OTHER_KEY_ID
    assert history() == []


def test_the_key_id_of_a_key_that_was_active_is_final(admin_client, key):
    admin_client.post(page_of(key), {"key_id": str(OTHER_KEY_ID), "_save": ""})

    assert SigningKey.objects.get().key_id == KEY_ID


def test_a_key_id_that_became_final_concurrently_gives_a_message(
    admin_client, draft, monkeypatch
):
    def refuse(*args):
        raise KeyStateError("The key ID of such a key is never changed.")

    monkeypatch.setattr(SigningKey, "set_key_id", refuse)

    posted = {"key_id": str(OTHER_KEY_ID), "_save": ""}
    response = admin_client.post(page_of(draft), posted)

    assert response.url == page_of(draft)
    assert messages_of(response) == ["The key ID of such a key is never changed."]
    assert history() == []


# Texts that are true in each state


def now(page):
    """Return the text above the steps: the state, and what it means."""
    [text] = re.findall(r'<p class="layer-now">(.+?)</p>', page, re.DOTALL)
    return " ".join(unescape(re.sub("<[^>]+>", "", text)).split())


def step_texts(page):
    found = re.findall(r'</h3>\s*<p class="help">(.+?)</p>', page)
    return [unescape(text) for text in found]


CAN_BE_ACTIVATED_AGAIN = (
    "retired This key no longer signs, but it can be activated again. If its private key "
    "may have leaked, revoke it."
)
SIGNS_WITH_OTHER = f"Messenger signs its identity tokens with the key {OTHER_KEY_ID}."
NO_ACTIVE_KEY = "Messenger has no active key: its users get no identity tokens."


@pytest.fixture
def retired_alone(key) -> SigningKey:
    """A retired key that no other key replaced."""
    key.retire()
    return key


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "draft",
            "draft This key does not sign yet. The next step is marked below. "
            + NO_ACTIVE_KEY,
        ),
        (
            "ready",
            "ready This key does not sign yet. It can be activated at any time. "
            + NO_ACTIVE_KEY,
        ),
        ("key", "active This key signs the app's identity tokens."),
        ("retired", f"{CAN_BE_ACTIVATED_AGAIN} {SIGNS_WITH_OTHER}"),
        ("retired_alone", f"{CAN_BE_ACTIVATED_AGAIN} {NO_ACTIVE_KEY}"),
        (
            "destroyed",
            "retired destroyed This key no longer signs. Its private key was destroyed, so it cannot "
            f"be activated again. {SIGNS_WITH_OTHER}",
        ),
        (
            "revoked",
            "revoked This key is revoked and never signs again. If a verifier has a copy of "
            "its public key, delete the copy, so that the verifier refuses every token that "
            f"the key signed. {NO_ACTIVE_KEY}",
        ),
    ],
)
def test_the_page_of_a_key_says_what_its_state_means(request, admin_client, name, text):
    key = request.getfixturevalue(name)

    assert now(admin_client.get(page_of(key)).content.decode()) == text


def test_the_active_key_of_a_disabled_app_is_not_said_to_sign(admin_client, app, key):
    app.enabled = False
    app.save()

    assert now(admin_client.get(page_of(key)).content.decode()) == (
        "active This key is the app's active key, but it signs nothing now. Messenger is "
        "disabled: its users get no identity tokens."
    )


@pytest.mark.parametrize("name", ["revoked", "revoked_draft", "destroyed"])
def test_the_guide_of_a_finished_key_offers_no_activation(request, admin_client, name):
    key = request.getfixturevalue(name)

    texts = step_texts(admin_client.get(page_of(key)).content.decode())

    activated = (
        "The key was activated, so the key ID and the app's IDs cannot change any more."
    )
    assert texts[0] == "The private key was destroyed."
    assert texts[2:] == [
        "This key cannot be tested any more.",
        "This key can never be activated." if name == "revoked_draft" else activated,
    ]


@pytest.mark.parametrize("name", ["key", "retired"])
def test_the_guide_of_a_key_that_was_active_does_not_ask_for_its_key_id(
    request, admin_client, name
):
    key = request.getfixturevalue(name)

    assert step_texts(admin_client.get(page_of(key)).content.decode())[1] == (
        "Verifiers need the public key until the last identity token of this key has "
        "expired."
    )


def test_the_guide_of_a_revoked_key_does_not_ask_to_register_it(admin_client, revoked):
    texts = step_texts(admin_client.get(page_of(revoked)).content.decode())

    assert texts[1] == (
        "Delete the public key from each verifier that has a copy of it."
    )


def test_the_open_steps_of_a_revoked_key_do_not_come_later(admin_client, revoked_draft):
    page = admin_client.get(page_of(revoked_draft)).content.decode()

    statuses = re.findall(r'<span class="layer-step-status">(.+?)</span>', page)
    assert statuses[1:] == ["not done", "not done", "not done"]


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("draft", "Change signing key"),
        ("ready", "Change signing key"),
        ("key", "View signing key"),
        ("retired", "View signing key"),
        ("destroyed", "View signing key"),
        ("revoked", "View signing key"),
    ],
)
def test_the_title_says_whether_the_key_can_be_changed(
    request, admin_client, name, title
):
    key = request.getfixturevalue(name)

    response = admin_client.get(page_of(key))

    assertContains(response, f"<h1>{title}</h1>")


@pytest.mark.parametrize("name", ["draft", "key"])
def test_the_title_for_staff_who_may_only_view_says_so(request, viewer, name):
    key = request.getfixturevalue(name)

    assertContains(viewer.get(page_of(key)), "<h1>View signing key</h1>")
