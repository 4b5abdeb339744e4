"""The admin of a project with a read replica, which may lag behind."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from django_layer_identity.models import LayerUser, SigningKey
from tests.admin.pages import KEYS, page_of, press, run_action, state_of
from tests.routers import ReplicaOf

USERS = "/admin/layer_identity/layeruser/"


@pytest.fixture
def replica(settings):
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
