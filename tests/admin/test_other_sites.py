"""Other admin sites than the default one, some without all of our models."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import path

from django_layer_identity.audit.models import AuditEntry
from django_layer_identity.models import LayerApp, LayerUser, SigningKey
from tests.admin.pages import state_of
from tests.conftest import KEY_ID
from tests.endpoint import NONCE, ask
from tests.secrecy.crawler import Page

START = "/other/"
PAGES = f"{START}layer_identity/"
KEYS = f"{PAGES}signingkey/"
MODELS = {
    "all": [LayerApp, SigningKey, LayerUser, AuditEntry, User],
    "apps": [LayerApp],
    "keys": [SigningKey],
    "users": [LayerUser],
    "audit trail": [AuditEntry],
}
SHOWN = {  # pages that a crawl must reach, so that it cannot be empty
    "all": ["layerapp/{app}/change/", "signingkey/{key}/change/"],
    "apps": ["layerapp/add/", "layerapp/{app}/change/", "layerapp/{app}/history/"],
    "keys": [
        "signingkey/add/",
        "signingkey/{key}/change/",
        "signingkey/{key}/public.pem",
    ],
    "users": ["layeruser/{user}/change/", "layeruser/{user}/reassign/"],
    "audit trail": [],
}


@pytest.fixture(params=["with the default site", "alone"])
def urls(request, settings):
    """Serve a site named “other” below /other/."""

    def serve(models):
        site = admin.AdminSite(name="other")
        site.site_url = None  # no link to the start page, which does not exist
        for model in models:
            site.register(model, type(admin.site.get_model_admin(model)))
        patterns = (path("other/", site.urls),)
        if request.param == "with the default site":
            patterns = (path("admin/", admin.site.urls), *patterns)
        settings.ROOT_URLCONF = patterns

    return serve


@pytest.fixture
def rows(key, ready, alice):
    """Rows of each model."""
    assert ask(alice, nonce=NONCE).status_code == 200


def crawl(client):
    """Return the status of each page that links reach, without sorts and filters."""
    waiting, statuses = [START], {}
    while waiting:
        address = waiting.pop()
        response = client.get(address)
        statuses[address] = response.status_code
        if not response["Content-Type"].startswith("text/html"):
            continue
        for link in Page(response.content.decode()).links:
            found = urlsplit(urljoin(address, link)).path
            is_left = found in statuses or found in waiting
            if not is_left and not found.endswith("/logout/"):
                waiting.append(found)
    return statuses


@pytest.mark.parametrize("name", MODELS)
def test_each_link_of_another_site_stays_on_that_site(rows, admin_client, urls, name):
    urls(MODELS[name])

    statuses = crawl(admin_client)

    assert dict.fromkeys(statuses, 200) == statuses
    assert [address for address in statuses if not address.startswith(START)] == []
    pks = {
        "app": LayerApp.objects.get().pk,
        "key": SigningKey.objects.earliest("pk").pk,
        "user": LayerUser.objects.get().pk,
    }
    assert {PAGES + page.format(**pks) for page in SHOWN[name]} <= statuses.keys()


@pytest.fixture
def client(admin_client, urls):
    """A client of the site “other” with all models; it follows no redirect."""
    urls(MODELS["all"])
    return admin_client


@pytest.mark.parametrize(
    ("action", "name", "state"),
    [
        ("self_test", "registered", "ready"),
        ("activate", "ready", "active"),
        ("retire", "key", "retired"),
        ("destroy", "retired", "retired"),
        ("revoke", "key", "revoked"),
    ],
)
def test_actions_of_a_key_return_to_the_same_site(request, client, action, name, state):
    key = request.getfixturevalue(name)
    confirmed = {"post": "yes", "reason": "leaked"}
    posted = {"action": action, "_selected_action": key.pk, **confirmed}

    from_page = client.post(KEYS, {**posted, "from_page": "1"})
    from_list = client.post(KEYS, posted)

    assert from_page.url == f"{KEYS}{key.pk}/change/"
    assert from_list.url == KEYS
    assert state_of(key) == state


@pytest.mark.parametrize("action", ["destroy", "revoke"])
def test_confirmation_pages_link_to_the_same_site(client, retired, action):
    posted = {"action": action, "_selected_action": retired.pk}

    page = client.post(KEYS, posted).content.decode()

    links = {link for link in Page(page).links if link.startswith("/")}
    assert f"{KEYS}{retired.pk}/change/" in links
    assert [link for link in links if not link.startswith(START)] == []


def test_a_new_key_opens_its_page_on_the_same_site(client, app, revoked):
    posted = {"app": app.pk, "source": "generate"}

    response = client.post(f"{KEYS}add/", posted)

    [new] = SigningKey.objects.exclude(pk=revoked.pk)
    assert response.url == f"{KEYS}{new.pk}/change/"


def test_saving_a_key_id_stays_on_the_same_site(client, draft):
    page = f"{KEYS}{draft.pk}/change/"

    assert client.post(page, {"key_id": str(KEY_ID)}).url == page


def test_reassigning_stays_on_the_same_site(rows, client):
    bob = User.objects.create_user("bob")
    entry = LayerUser.objects.get()
    page = f"{PAGES}layeruser/{entry.pk}/"
    posted = {"user": bob.pk, "reason": "ticket 1", "confirm": "yes"}

    response = client.post(f"{page}reassign/", posted)

    assert response.url == f"{page}change/"
    entry.refresh_from_db()
    assert str(entry.owner) == "bob"
