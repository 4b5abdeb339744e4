"""An app whose users get no tokens says so, and disabling an app asks first."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.contrib import admin
from django.contrib.messages import get_messages
from django.urls import path
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from django_layer_identity.admin.apps import LayerAppAdmin
from django_layer_identity.admin.keys import SigningKeyAdmin
from django_layer_identity.models import LayerApp, SigningKey
from tests.admin.pages import history, page_of
from tests.admin.test_layer_apps import APPS, entered
from tests.admin.test_layer_apps import page_of as page_of_app

KEYS = "/admin/layer_identity/signingkey/"
NO_KEY = "Messenger has no active key: its users get no identity tokens."
DISABLED = "Messenger is disabled: its users get no identity tokens."

other_site = admin.AdminSite("other")
other_site.register(LayerApp, LayerAppAdmin)
full_site = admin.AdminSite("full")
full_site.register(LayerApp, LayerAppAdmin)
full_site.register(SigningKey, SigningKeyAdmin)
urlpatterns = [
    path("admin/", admin.site.urls),
    path("full/", full_site.urls),
    path("other/", other_site.urls),
]


def link(address, text):
    return f'<a href="{address}" class="button layer-button">{text}</a>'


def messages_of(response):
    return [
        (message.level_tag, str(message).strip())
        for message in get_messages(response.wsgi_request)
    ]


def cell_of(page):
    return re.findall(r'<td class="field-active_key">(.+?)</td>', page.content.decode())


def badge(kind, text):
    return f'<span class="layer-state layer-{kind}">{text}</span>'


NO_ACTIVE_KEY = badge("none", "no active key")


@pytest.fixture
def retired_only(key):
    key.retire()
    return key


@pytest.fixture
def disabled(app, key):
    LayerApp.objects.update(enabled=False)
    return app


# Apps without a usable key


def test_an_app_with_a_usable_key_needs_no_message(admin_client, app, key):
    assert messages_of(admin_client.get(page_of_app(app))) == []
    assert cell_of(admin_client.get(APPS)) == [f"{badge('active', 'active')} "]


def test_an_app_without_keys_offers_to_add_one(admin_client, app):
    add = link(f"{KEYS}add/?app={app.pk}", "Add a signing key")

    assert messages_of(admin_client.get(page_of_app(app))) == [
        ("warning", f"{NO_KEY} {add}")
    ]
    assert cell_of(admin_client.get(APPS)) == [f"{NO_ACTIVE_KEY} {add}"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ready", "Activate a key"),
        ("retired_only", "Activate a retired key again"),
        ("draft", "Continue with a draft key"),
    ],
)
def test_an_app_without_an_active_key_offers_the_key_that_helps(
    request, admin_client, app, name, text
):
    helpful = link(page_of(request.getfixturevalue(name)), text)

    assert messages_of(admin_client.get(page_of_app(app))) == [
        ("warning", f"{NO_KEY} {helpful}")
    ]
    assert cell_of(admin_client.get(APPS)) == [f"{NO_ACTIVE_KEY} {helpful}"]


@pytest.mark.parametrize("name", ["revoked", "revoked_draft"])
def test_a_key_that_cannot_become_active_is_not_offered(
    request, admin_client, app, name
):
    request.getfixturevalue(name)
    add = link(f"{KEYS}add/?app={app.pk}", "Add a signing key")

    assert cell_of(admin_client.get(APPS)) == [f"{NO_ACTIVE_KEY} {add}"]


def test_a_retired_key_without_its_private_key_is_not_offered(
    admin_client, app, retired_only
):
    retired_only.destroy_private_key()
    add = link(f"{KEYS}add/?app={app.pk}", "Add a signing key")

    assert cell_of(admin_client.get(APPS)) == [f"{NO_ACTIVE_KEY} {add}"]


def test_a_ready_key_is_offered_before_a_retired_one(
    admin_client, app, retired_only, ready
):
    assert cell_of(admin_client.get(APPS)) == [
        f"{NO_ACTIVE_KEY} {link(page_of(ready), 'Activate a key')}"
    ]


@pytest.mark.parametrize(
    ("permissions", "name", "text"),
    [
        ([], "ready", None),
        (["activate_signingkey"], "ready", None),  # it does not show the key's page
        (["view_signingkey"], "ready", None),
        (["view_signingkey", "activate_signingkey"], "ready", "Activate a key"),
        (["view_signingkey", "activate_signingkey"], "draft", None),
        (["change_signingkey"], "draft", "Continue with a draft key"),
        (["add_signingkey"], "ready", "Add a signing key"),
    ],
    ids=str,
)
def test_only_a_step_that_the_permissions_allow_is_offered(
    request, staff, app, permissions, name, text
):
    request.getfixturevalue(name)
    client = staff("view_layerapp", *permissions)

    [(_, message)] = messages_of(client.get(page_of_app(app)))

    assert re.findall(">(.+)</a>", message) == ([text] if text else [])
    assert message.startswith(NO_KEY)


def test_a_disabled_app_is_said_to_be_disabled(admin_client, disabled):
    assert messages_of(admin_client.get(page_of_app(disabled))) == [
        ("warning", DISABLED)
    ]
    assert cell_of(admin_client.get(APPS)) == [f"{badge('disabled', 'app disabled')} "]


def test_the_signing_key_is_the_second_column_of_the_list(admin_client, app):
    columns = re.findall(r'class="field-(\w+)', admin_client.get(APPS).content.decode())

    assert columns[:2] == ["name", "active_key"]


@pytest.mark.urls(__name__)
def test_a_site_without_keys_offers_no_page_of_a_key(admin_client, app):
    response = admin_client.get(f"/other/layer_identity/layerapp/{app.pk}/change/")

    assert messages_of(response) == [("warning", NO_KEY)]
    assert cell_of(admin_client.get("/other/layer_identity/layerapp/")) == [
        f"{NO_ACTIVE_KEY} "
    ]


# After adding an app


def test_after_adding_an_app_its_page_offers_the_next_step(admin_client):
    response = admin_client.post(f"{APPS}add/", entered(), follow=True)

    app = LayerApp.objects.get()
    assertRedirects(response, page_of_app(app))
    assertContains(response, "was added successfully.")
    assertContains(
        response, link(f"{KEYS}add/?app={app.pk}", "Add a signing key"), html=True
    )


def test_staff_who_may_only_add_apps_return_to_the_index(staff):
    response = staff("add_layerapp").post(f"{APPS}add/", entered())

    assert response.url == "/admin/"


# Disabling an app


def confirm(client, response):
    """Send the form of the confirmation page."""
    page = response.content.decode()
    hidden = re.findall(r'<input type="hidden" name="(.+?)" value="(.*?)">', page)
    posted = {name: unescape(value) for name, value in hidden}
    return client.post(response.wsgi_request.get_full_path(), posted)


def form_without_enabled(**overrides):
    posted = entered(**overrides)
    del posted["enabled"]
    return posted


def test_disabling_an_app_with_an_active_key_asks_first(admin_client, app, key):
    posted = form_without_enabled(name="Chat")

    response = admin_client.post(page_of_app(app), posted)

    assertContains(response, "Are you sure that you want to disable Messenger?")
    assertContains(response, "users get no identity tokens until the app is enabled")
    assertContains(response, f'href="{page_of_app(app)}" class="button cancel-link"')
    app.refresh_from_db()
    assert (app.enabled, app.name, history()) == (True, "Messenger", [])


def test_a_confirmation_disables_the_app_and_saves_the_other_changes(
    admin_client, app, key
):
    posted = form_without_enabled(name='Chat & "more"', _continue="Save and continue")
    question = admin_client.post(page_of_app(app), posted)

    response = confirm(admin_client, question)

    app.refresh_from_db()
    assert (app.enabled, app.name) == (False, 'Chat & "more"')
    assert response.url == page_of_app(app)
    assert history() == ["Changed Name and Enabled."]


def test_disabling_an_app_without_an_active_key_does_not_ask(admin_client, app, draft):
    admin_client.post(page_of_app(app), form_without_enabled())

    app.refresh_from_db()
    assert not app.enabled


def test_a_disabled_app_is_changed_and_enabled_without_a_question(
    admin_client, disabled
):
    admin_client.post(page_of_app(disabled), form_without_enabled(name="Chat"))
    disabled.refresh_from_db()
    renamed = (disabled.enabled, disabled.name)

    admin_client.post(page_of_app(disabled), entered())

    disabled.refresh_from_db()
    assert (renamed, disabled.enabled) == ((False, "Chat"), True)


def test_a_form_that_disables_an_app_shows_its_errors_first(admin_client, app, key):
    response = admin_client.post(page_of_app(app), form_without_enabled(name=""))

    errors = response.context["adminform"].form.errors
    assert errors == {"name": ["This field is required."]}
    assert messages_of(response) == []


def test_staff_who_may_only_view_an_app_are_not_asked(staff, app, key):
    client = staff("view_layerapp")

    assert client.post(page_of_app(app), form_without_enabled()).status_code == 403


def test_disabling_an_app_that_was_deleted_redirects(admin_client, app):
    page = page_of_app(app)
    app.delete()

    assert admin_client.post(page, form_without_enabled()).url == "/admin/"


@pytest.mark.urls(__name__)
def test_the_question_links_no_page_of_a_site_that_it_does_not_belong_to(
    admin_client, app, key
):
    page = f"/other/layer_identity/layerapp/{app.pk}/change/"
    response = admin_client.post(page, form_without_enabled())

    assertContains(response, f'href="{page}" class="button cancel-link"')
    assertNotContains(response, "/admin/layer_identity")


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("name", ["app", "draft"])
def test_the_next_step_is_on_the_same_admin_site(request, admin_client, app, name):
    request.getfixturevalue(name)

    [(_, message)] = messages_of(
        admin_client.get(f"/full/layer_identity/layerapp/{app.pk}/change/")
    )

    assert 'href="/full/layer_identity/signingkey/' in message


@pytest.mark.urls(__name__)
def test_a_lost_key_is_imported_again_on_the_same_admin_site(
    admin_client, settings, key
):
    settings.LAYER_IDENTITY = {}

    [(_, message)] = messages_of(
        admin_client.get(f"/full/layer_identity/signingkey/{key.pk}/change/")
    )

    assert 'href="/full/layer_identity/signingkey/add/' in message
