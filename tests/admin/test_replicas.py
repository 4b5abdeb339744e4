"""The admin of a project with a read replica, which may lag behind."""

from __future__ import annotations

from contextlib import contextmanager, suppress

import pytest
from django.contrib.auth.models import User
from django.db import connections
from pytest_django.asserts import assertContains

from django_layer_identity import ledger
from django_layer_identity.audit.models import AuditEntry
from django_layer_identity.models import LayerApp, LayerUser, SigningKey
from tests.admin.pages import KEYS, page_of, press, run_action, state_of
from tests.admin.test_layer_apps import APPS, entered
from tests.admin.test_layer_apps import page_of as page_of_app
from tests.conftest import OTHER_KEY_ID
from tests.routers import ReplicaOf, ReplicaOfRelated

USERS = "/admin/layer_identity/layeruser/"


@pytest.fixture
def lagging(monkeypatch):
    """Configure a database "replica" that refuses each query."""
    dummy = {**connections.settings["default"], "ENGINE": "django.db.backends.dummy"}
    monkeypatch.setitem(connections.settings, "replica", dummy)
    yield
    with suppress(AttributeError):  # nothing has used it
        del connections["replica"]


@pytest.fixture
def replica(settings, lagging):
    """Return a context manager: reads of these models go to a replica."""

    @contextmanager
    def replica(*models):
        settings.DATABASE_ROUTERS = [ReplicaOf(*models)]
        yield
        settings.DATABASE_ROUTERS = []

    return replica


@pytest.mark.parametrize("send", [press, run_action])
@pytest.mark.parametrize(
    ("name", "action", "more", "state"),
    [
        ("registered", "self_test", {}, "ready"),
        ("ready", "activate", {}, "active"),
        ("key", "retire", {"post": "yes"}, "retired"),
        ("key", "revoke", {"post": "yes", "reason": "leaked"}, "revoked"),
        ("retired", "destroy", {"post": "yes"}, "retired"),
    ],
)
def test_actions_read_keys_where_they_write(
    request, replica, admin_client, send, name, action, more, state
):
    key = request.getfixturevalue(name)

    with replica(SigningKey):
        response = send(admin_client, action, key, **more)

    assert (response.status_code, state_of(key)) == (302, state)


def test_the_pages_of_keys_show_what_was_written(replica, admin_client, draft):
    with replica(SigningKey):
        listed = admin_client.get(KEYS)
        page = admin_client.get(page_of(draft))

    assert [listed.status_code, page.status_code] == [200, 200]


def test_the_list_of_apps_shows_the_active_key_that_was_written(
    replica, admin_client, key
):
    with replica(LayerApp, SigningKey):
        listed = admin_client.get(APPS)

    assertContains(listed, '<span class="layer-state layer-active">active</span>')


def test_the_page_of_an_app_shows_the_keys_that_were_written(
    replica, admin_client, app, draft
):
    with replica(LayerApp, SigningKey):
        page = admin_client.get(page_of_app(app))

    assertContains(page, "Continue with a draft key")
    assertContains(page, f"<code>{draft.fingerprint[:16]}…</code>")


def test_disabling_an_app_asks_if_an_active_key_was_written(
    replica, admin_client, app, key
):
    with replica(LayerApp, SigningKey):
        page = admin_client.post(page_of_app(app), entered(enabled=""))

    assertContains(page, "Disable Layer app")
    assert LayerApp.objects.get().enabled


def test_the_pages_of_keys_show_the_app_that_was_written(replica, admin_client, key):
    with replica(LayerApp, SigningKey):
        listed = admin_client.get(KEYS)
        page = admin_client.get(page_of(key))

    assertContains(listed, "Messenger")
    assertContains(page, f'<a href="{page_of_app(key.app)}">Messenger</a>')


def test_a_key_gets_its_id_where_it_is_written(replica, admin_client, draft):
    with replica(LayerApp, SigningKey):
        saved = admin_client.post(page_of(draft), {"key_id": str(OTHER_KEY_ID)})

    draft.refresh_from_db()
    assert (saved.status_code, draft.key_id) == (302, OTHER_KEY_ID)


def test_a_new_key_is_offered_the_apps_that_were_written(replica, admin_client, app):
    with replica(LayerApp, SigningKey):
        form = admin_client.get(f"{KEYS}add/").context["adminform"].form
        choices = [str(label) for value, label in form.fields["app"].choices if value]

    assert (choices, form.initial) == (["Messenger"], {"app": app.pk})


def test_a_key_is_added_to_an_app_that_was_written(replica, admin_client, app):
    with replica(LayerApp, SigningKey):
        data = {"app": app.pk, "source": "generate", "key_id": ""}
        saved = admin_client.post(f"{KEYS}add/", data)

    assert saved.status_code == 302
    assert SigningKey.objects.get().app == app


@pytest.fixture
def entry(app, alice):
    ledger.rename(app, alice, "a-1")
    return LayerUser.objects.get()


@pytest.mark.parametrize("model", [LayerApp, User])
def test_the_ledger_shows_the_apps_and_owners_that_were_written(
    settings, admin_client, entry, model
):
    settings.DATABASE_ROUTERS = [ReplicaOfRelated(model)]

    listed = admin_client.get(USERS)
    page = admin_client.get(f"{USERS}{entry.pk}/change/")

    for response in (listed, page):
        assertContains(response, "alice")
        assertContains(response, "Messenger")


@pytest.mark.parametrize("model", [LayerApp, User])
def test_the_loss_of_an_owner_is_foreseen_from_what_was_written(
    settings, admin_client, admin_user, entry, model
):
    settings.DATABASE_ROUTERS = [ReplicaOfRelated(model)]

    page = admin_client.post(
        f"{USERS}{entry.pk}/reassign/", {"user": admin_user.pk, "reason": "merged"}
    )

    assertContains(page, "The next identity token of alice")


def test_the_ledger_is_searched_by_the_apps_that_were_written(
    replica, admin_client, entry
):
    with replica(LayerApp, LayerUser):
        found = admin_client.get(USERS, {"q": "Messenger"})

    assert found.context["cl"].result_count == 1


def test_an_id_is_changed_where_it_is_written(replica, admin_client, entry, alice):
    form = {"app": entry.app_id, "user": alice.pk, "user_id": "a-2", "confirm": "yes"}

    with replica(LayerApp, LayerUser):
        offered = admin_client.get(f"{USERS}rename/")
        saved = admin_client.post(f"{USERS}rename/", form)

    assertContains(offered, "Messenger")
    assert saved.status_code == 302
    assert LayerUser.objects.current(entry.app, alice.pk).user_id == "a-2"


def test_an_id_is_reassigned_where_it_is_written(
    replica, admin_client, admin_user, app, alice
):
    LayerUser.objects.switch(app.pk, alice.pk, "a-1", old=None, new=None)
    entry = LayerUser.objects.get()
    form = {"user": admin_user.pk, "reason": "merged", "confirm": "yes"}

    with replica(LayerUser):
        saved = admin_client.post(f"{USERS}{entry.pk}/reassign/", form)

    entry.refresh_from_db()
    assert saved.status_code == 302
    assert entry.owner.get_username() == "admin"


def test_the_audit_trail_is_filtered_by_what_was_written(replica, admin_client, app):
    AuditEntry.objects.create(code="no_signing_key", app_id=str(app.identifier))

    with replica(AuditEntry, LayerApp):
        listed = admin_client.get("/admin/layer_identity_audit/auditentry/")

    filters = {spec.title: spec for spec in listed.context["cl"].filter_specs}
    labels = [str(label) for _value, label in filters["Layer app"].lookup_choices]
    assert labels == ["Messenger"]
