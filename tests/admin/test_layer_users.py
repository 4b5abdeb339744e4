"""The ledger's pages: looked through by exact names, changed by reassigning alone."""

from __future__ import annotations

import re

import pytest
from django.contrib.admin import site
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from pytest_django.asserts import assertContains, assertNotContains

from django_layer_identity import ledger
from django_layer_identity.admin.forms import ReassignForm
from django_layer_identity.admin.users import LayerUserAdmin
from django_layer_identity.models import LayerUser
from tests.admin.pages import history, said
from tests.ledger.people import entries, join

LEDGER = "/admin/layer_identity/layeruser/"
REASON = "Alice came back with a new account."
KEY = "-----BEGIN PRIVATE KEY-----MIIEvQ"


@pytest.fixture
def entry(app, alice):
    """Alice's Layer user ID."""
    ledger.import_user_id(app, alice, "auth0|17 é")
    return LayerUser.objects.get()


@pytest.fixture
def bob(db):
    return join("bob")


@pytest.fixture
def orphan(entry, alice):
    """The entry of a user who was deleted."""
    alice.delete()
    entry.refresh_from_db()
    return entry


@pytest.fixture
def staff(client, db):
    """Return a client of staff who have these permissions alone."""

    def staff(*codenames):
        user = User.objects.create_user("staff", is_staff=True)
        permissions = Permission.objects.filter(codename__in=codenames)
        user.user_permissions.set(permissions)
        client.force_login(user)
        return client

    return staff


def page_of(entry, page="change"):
    return f"{LEDGER}{entry.pk}/{page}/"


def found(client, text):
    response = client.get(LEDGER, {"q": text})
    return list(response.context["cl"].result_list)


def reassign(client, entry, **given):
    data = {"user": "bob", "reason": REASON, **given}
    return client.post(page_of(entry, "reassign"), data)


def errors_of(response):
    return response.context["form"].errors


def stored():
    return list(LayerUser.objects.values())


# Search


def test_the_list_shows_whose_an_id_is_and_since_when(admin_client, entry, bob):
    ledger.rename(entry.app, User.objects.get(username="alice"), "alice")

    page = admin_client.get(LEDGER)

    assertContains(page, "auth0|17 é")
    assertContains(page, "layer-retired")
    assertContains(page, "layer-active")
    assertContains(page, '<td class="field-owner nowrap">', count=2)


@pytest.mark.parametrize("text", ["auth0|17 é", "alice"])
def test_an_entry_is_found_by_its_id_and_by_its_user(admin_client, entry, text):
    assert found(admin_client, text) == [entry]


@pytest.mark.parametrize(
    "text", ["auth0|17", "auth0|17 e\u0301", "auth0|17 é ", "AUTH0|17 é", "ali", "bob"]
)
def test_an_entry_is_found_by_nothing_less(admin_client, entry, bob, text):
    assert found(admin_client, text) == []


def test_all_are_found_by_nothing(admin_client, entry):
    assert found(admin_client, "") == [entry]


def test_an_entry_without_text_is_found_by_the_id_and_its_digest(admin_client, orphan):
    assert found(admin_client, "auth0|17 é") == [orphan]
    assert found(admin_client, orphan.digest.upper()) == [orphan]


def test_a_name_that_cannot_be_a_users_finds_no_user(entry, monkeypatch):
    monkeypatch.setattr(User, "USERNAME_FIELD", "id")
    pages, everything = LayerUserAdmin(LayerUser, site), LayerUser.objects.all()

    found, _ = pages.get_search_results(None, everything, "auth0|17 é")

    assert list(found) == [entry]


def test_a_name_that_is_no_uuid_finds_no_user(entry, settings):
    settings.AUTH_USER_MODEL = "tests.Device"  # known by its primary key
    pages, everything = LayerUserAdmin(LayerUser, site), LayerUser.objects.all()

    found, _ = pages.get_search_results(None, everything, "auth0|17 é")

    assert list(found) == [entry]


def test_a_search_looks_up_by_indexes(admin_client, entry):
    with CaptureQueriesContext(connection) as queries:
        found(admin_client, "auth0|17 é")

    asked = [one["sql"] for one in queries if "layer_identity_layeruser" in one["sql"]]
    assert [(entry.digest in sql, "LIKE" in sql) for sql in asked] == [
        (True, False)
    ] * 2


# Nothing is made or changed by hand


def test_an_entry_is_shown_and_cannot_be_changed(admin_client, entry):
    before = stored()
    page = admin_client.get(page_of(entry))

    assertContains(page, "auth0|17 é")
    assertContains(page, entry.digest)
    assertNotContains(page, 'name="_save"')
    assert admin_client.post(page_of(entry), {"user_id": "x"}).status_code == 403
    assert admin_client.get(f"{LEDGER}add/").status_code == 403
    assert (
        admin_client.post(page_of(entry, "delete"), {"post": "yes"}).status_code == 403
    )
    assert stored() == before


def test_an_entry_whose_user_was_deleted_shows_what_is_left(admin_client, orphan):
    page = admin_client.get(page_of(orphan))

    assertContains(page, f"<code>{orphan.digest[:16]}…</code> (text cleared)")
    assertContains(page, "its user was deleted")
    assertNotContains(page, "auth0")


# Reassign


def test_reassigning_asks_first(admin_client, entry, bob):
    before = stored()
    assertContains(admin_client.get(page_of(entry)), page_of(entry, "reassign"))
    form = admin_client.get(page_of(entry, "reassign"))
    assertContains(form, "New user")
    assertContains(form, "It stays in the history: no names")

    page = reassign(admin_client, entry)

    assertContains(page, "Are you sure that bob is to have it?")
    assertContains(page, "reads everything that was ever sent")
    assertContains(page, REASON)
    assert stored() == before
    assert history() == []


def test_a_reassigned_id_is_recorded_with_its_reason(admin_client, entry, alice, bob):
    asked = reassign(admin_client, entry).content.decode()
    hidden = re.findall(r'<input type="hidden" name="(\w+)" value="(.+?)"', asked)

    response = admin_client.post(page_of(entry, "reassign"), dict(hidden))

    assert response.url == page_of(entry)
    assert entries() == [("auth0|17 é", bob.pk, True)]
    assert said(response) == ["The Layer user ID is bob's now."]
    assert history() == [f"Reassigned from user {alice.pk} to user {bob.pk}: {REASON}"]
    assert LogEntry.objects.get().object_repr == entry.digest[:16]
    assert LayerUser.objects.get().reassignment_reason == REASON
    assertContains(admin_client.get(page_of(entry)), REASON)


def test_the_id_of_a_deleted_user_is_entered_again(admin_client, orphan, bob):
    response = reassign(admin_client, orphan, user_id="auth0|17 e\u0301")
    assert errors_of(response) == {"user_id": ["This is another Layer user ID."]}

    reassign(admin_client, orphan, user_id="auth0|17 é", confirm="yes")

    assert entries() == [("auth0|17 é", bob.pk, True)]
    assert history() == [f"Reassigned from user – to user {bob.pk}: {REASON}"]


@pytest.mark.parametrize(
    ("given", "errors"),
    [
        ({"user": "nobody"}, {"user": ["There is no such user."]}),
        ({"user": "bob "}, {"user": ["There is no such user."]}),
        (
            {"user": "alice"},
            {"user": ["The user already has this Layer user ID."]},
        ),
        ({"user": ""}, {"user": ["This field is required."]}),
        ({"reason": " "}, {"reason": ["This field is required."]}),
        (
            {"reason": "x" * 201},
            {"reason": ["Ensure this value has at most 200 characters (it has 201)."]},
        ),
        (
            {"reason": KEY},
            {"reason": ["A reason must not contain a private key or a part of one."]},
        ),
    ],
)
def test_what_is_wrong_is_told_and_not_done(admin_client, entry, bob, given, errors):
    before = stored()

    response = reassign(admin_client, entry, confirm="yes", **given)

    assert errors_of(response) == errors
    assert (stored(), history()) == (before, [])


def test_a_new_user_whose_name_is_no_uuid_is_told(entry, settings):
    settings.AUTH_USER_MODEL = "tests.Device"

    form = ReassignForm(entry, {"user": "bob", "reason": REASON})

    assert form.errors == {"user": ["There is no such user."]}


def test_a_name_of_several_users_is_told(entry, bob, monkeypatch):
    join("another bob", first_name="Bob")
    User.objects.filter(pk=bob.pk).update(first_name="Bob")
    monkeypatch.setattr(User, "USERNAME_FIELD", "first_name")

    form = ReassignForm(entry, {"user": "Bob", "reason": REASON})

    assert form.errors == {"user": ["Several users have this name."]}


def test_an_act_that_loses_a_race_is_told(
    admin_client, entry, bob, around_ledger_write
):
    around_ledger_write(lambda write: False)

    response = reassign(admin_client, entry, confirm="yes")

    assert said(response) == ["The ledger was changed at the same time. Try again."]
    assert history() == []


@pytest.mark.parametrize("atomic", [False, True])
@pytest.mark.django_db(transaction=True)
def test_a_user_who_is_deleted_meanwhile_is_told(
    admin_client, entry, bob, alice, monkeypatch, around_ledger_write, atomic
):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", atomic)
    users = User.objects.filter(pk=bob.pk)
    around_ledger_write(lambda write: write() and users._raw_delete("default"))

    response = reassign(admin_client, entry, confirm="yes")

    assert said(response) == ["A user was deleted meanwhile. Try again."]
    assert entries() == [("auth0|17 é", alice.pk, True)]
    assert history() == []


def test_a_busy_database_is_told(admin_client, entry, bob, around_ledger_write):
    def fail(write):
        raise OperationalError("database is locked")

    around_ledger_write(fail)

    response = reassign(admin_client, entry, confirm="yes")

    assert said(response) == ["The database is busy. Nothing was changed: try again."]


def test_an_entry_that_is_not_there_is_not_found(admin_client):
    assert admin_client.get(f"{LEDGER}17/reassign/").status_code == 404


# Who may


def test_staff_who_may_look_cannot_reassign(staff, entry, bob):
    client = staff("view_layeruser")

    assertNotContains(client.get(page_of(entry)), "Reassign…")
    assert client.get(page_of(entry, "reassign")).status_code == 403
    assert reassign(client, entry, confirm="yes").status_code == 403
    assert entries() == [("auth0|17 é", entry.owner_id, True)]


def test_staff_who_may_reassign_see_what_they_do(staff, entry, bob):
    client = staff("reassign_layeruser")

    assertContains(client.get(page_of(entry)), "Reassign…")
    assert reassign(client, entry, confirm="yes").url == page_of(entry)
    assert entries() == [("auth0|17 é", bob.pk, True)]


def test_staff_without_a_permission_see_nothing(staff, entry):
    client = staff("view_layerapp")

    assert client.get(LEDGER).status_code == 403
    assert client.get(page_of(entry)).status_code == 403


def test_strangers_are_sent_to_log_in(client, entry):
    response = client.get(page_of(entry, "reassign"))

    assert response.url == f"/admin/login/?next={page_of(entry, 'reassign')}"
