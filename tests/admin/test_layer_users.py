"""The pages of the ledger: exact searches, and reassigning as the only change."""

from __future__ import annotations

import re

import pytest
from django.contrib.admin import site
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from pytest_django.asserts import assertContains, assertNotContains

from django_layer_identity import ledger
from django_layer_identity.admin.forms import ReassignForm
from django_layer_identity.admin.users import LayerUserAdmin
from django_layer_identity.models import LayerUser
from tests.admin.pages import history, messages_of
from tests.ledger.users import create_user, entries

LEDGER = "/admin/layer_identity/layeruser/"
NO_USER = "No user logs in with this name. Enter the complete name, exactly."
REASON = "Alice came back with a new account."
KEY = "-----BEGIN PRIVATE KEY-----MIIEvQ"


@pytest.fixture
def entry(app, alice):
    """Alice's Layer user ID."""
    ledger.import_user_id(app, alice, "auth0|17 é")
    return LayerUser.objects.get()


@pytest.fixture
def orphan(entry, alice):
    """The entry of a user who was deleted."""
    alice.delete()
    entry.refresh_from_db()
    return entry


@pytest.fixture
def reassigner(staff):
    """A client of staff who cannot see users, and so enter login names."""
    return staff("reassign_layeruser")


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


def test_the_list_shows_users_and_states(admin_client, entry, bob):
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
def test_an_entry_is_not_found_by_a_similar_text(admin_client, entry, bob, text):
    assert found(admin_client, text) == []


def test_an_empty_search_finds_all_entries(admin_client, entry):
    assert found(admin_client, "") == [entry]


def test_the_entry_of_a_deleted_user_is_found_by_id_and_digest(admin_client, orphan):
    assert found(admin_client, "auth0|17 é") == [orphan]
    assert found(admin_client, orphan.digest.upper()) == [orphan]


def test_a_text_that_cannot_be_a_login_name_finds_no_user(entry, monkeypatch):
    monkeypatch.setattr(User, "USERNAME_FIELD", "id")
    pages, everything = LayerUserAdmin(LayerUser, site), LayerUser.objects.all()

    found, _ = pages.get_search_results(None, everything, "auth0|17 é")

    assert list(found) == [entry]


def test_a_text_that_is_not_a_uuid_finds_no_user(entry, settings):
    settings.AUTH_USER_MODEL = "tests.Device"  # known by its primary key
    pages, everything = LayerUserAdmin(LayerUser, site), LayerUser.objects.all()

    found, _ = pages.get_search_results(None, everything, "auth0|17 é")

    assert list(found) == [entry]


def test_a_search_uses_indexes(admin_client, entry):
    with CaptureQueriesContext(connection) as queries:
        found(admin_client, "auth0|17 é")

    statements = [query["sql"] for query in queries]
    searches = [sql for sql in statements if "layer_identity_layeruser" in sql]
    assert [(entry.digest in sql, "LIKE" in sql) for sql in searches] == [
        (True, False)
    ] * 2


# Entries are read-only


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


def test_the_entry_of_a_deleted_user_shows_the_digest(admin_client, orphan):
    page = admin_client.get(page_of(orphan))

    assertContains(page, f"<code>{orphan.digest[:16]}…</code> (only the digest)")
    assertContains(page, "user deleted")
    assertNotContains(page, "auth0")


# Reassign


def test_reassigning_asks_for_confirmation(reassigner, entry, bob):
    before = stored()
    assertContains(reassigner.get(page_of(entry)), page_of(entry, "reassign"))
    form = reassigner.get(page_of(entry, "reassign"))
    assertContains(form, "New user")
    assertContains(form, "The history keeps this text")

    page = reassign(reassigner, entry)

    assertContains(page, "give this Layer user ID to bob?")
    assertContains(page, "can read everything that was ever sent")
    assertContains(page, "The previous user can no longer log in")
    assertContains(page, REASON)
    assert stored() == before
    assert history() == []


def test_a_reassigned_id_is_recorded_with_its_reason(reassigner, entry, alice, bob):
    confirmation = reassign(reassigner, entry).content.decode()
    hidden = re.findall(
        r'<input type="hidden" name="(\w+)" value="(.+?)"', confirmation
    )

    response = reassigner.post(page_of(entry, "reassign"), dict(hidden))

    assert response.url == page_of(entry)
    assert entries() == [("auth0|17 é", bob.pk, True)]
    assert messages_of(response)[0] == "The Layer user ID now belongs to bob."
    assert history() == [f"Reassigned from user {alice.pk} to user {bob.pk}: {REASON}"]
    assert LogEntry.objects.get().object_repr == entry.digest[:16]
    assert LayerUser.objects.get().reassignment_reason == REASON
    assertContains(reassigner.get(page_of(entry)), REASON)


def test_the_id_of_a_deleted_user_must_be_entered_again(reassigner, orphan, bob):
    response = reassign(reassigner, orphan, user_id="auth0|17 e\u0301")
    assert errors_of(response) == {
        "user_id": [
            "This text is not the Layer user ID of this entry. Enter the ID exactly as it "
            "was."
        ]
    }

    confirmation = reassign(reassigner, orphan, user_id="auth0|17 é")
    assertNotContains(confirmation, "The previous user")

    reassign(reassigner, orphan, user_id="auth0|17 é", confirm="yes")

    assert entries() == [("auth0|17 é", bob.pk, True)]
    assert history() == [f"Reassigned from user – to user {bob.pk}: {REASON}"]


@pytest.mark.parametrize(
    ("given", "errors"),
    [
        ({"user": "unknown"}, {"user": [NO_USER]}),
        ({"user": "bob "}, {"user": [NO_USER]}),
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
def test_invalid_values_are_refused(reassigner, entry, bob, given, errors):
    before = stored()

    response = reassign(reassigner, entry, confirm="yes", **given)

    assert errors_of(response) == errors
    assert (stored(), history()) == (before, [])


def test_a_login_name_that_is_not_a_uuid_is_refused(entry, settings):
    settings.AUTH_USER_MODEL = "tests.Device"

    form = ReassignForm(entry, {"user": "bob", "reason": REASON})

    assert form.errors == {"user": [NO_USER]}


def test_a_login_name_of_several_users_is_refused(entry, bob, monkeypatch):
    create_user("another bob", first_name="Bob")
    User.objects.filter(pk=bob.pk).update(first_name="Bob")
    monkeypatch.setattr(User, "USERNAME_FIELD", "first_name")

    form = ReassignForm(entry, {"user": "Bob", "reason": REASON})

    assert form.errors == {
        "user": [
            "Several users log in with this name, so this page cannot tell which user you "
            "mean. Ask a developer to call ledger.reassign()."
        ]
    }


def test_a_concurrent_change_of_the_ledger_gives_a_message(
    reassigner, entry, bob, around_ledger_write
):
    around_ledger_write(lambda write: False)

    response = reassign(reassigner, entry, confirm="yes")

    assert messages_of(response) == [
        "The ledger was changed at the same time. Try again."
    ]
    assert history() == []


@pytest.mark.parametrize("atomic", [False, True])
@pytest.mark.django_db(transaction=True)
def test_a_concurrently_deleted_user_gives_a_message(
    reassigner, entry, bob, alice, monkeypatch, around_ledger_write, atomic
):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", atomic)
    users = User.objects.filter(pk=bob.pk)
    around_ledger_write(lambda write: write() and users._raw_delete("default"))

    response = reassign(reassigner, entry, confirm="yes")

    assert messages_of(response) == [
        "A user was deleted at the same time, so nothing was changed. Try again."
    ]
    assert entries() == [("auth0|17 é", alice.pk, True)]
    assert history() == []


def test_a_busy_database_gives_a_message(reassigner, entry, bob, around_ledger_write):
    def fail(write):
        raise OperationalError("database is locked")

    around_ledger_write(fail)

    response = reassign(reassigner, entry, confirm="yes")

    assert messages_of(response) == [
        "The database is busy, so nothing was changed. Try again."
    ]


def test_an_unknown_entry_is_not_found(reassigner):
    assert reassigner.get(f"{LEDGER}17/reassign/").status_code == 404


# Permissions


def test_staff_who_may_only_view_cannot_reassign(staff, entry, bob):
    client = staff("view_layeruser")

    assertNotContains(client.get(page_of(entry)), "Reassign…")
    assert client.get(page_of(entry, "reassign")).status_code == 403
    assert reassign(client, entry, confirm="yes").status_code == 403
    assert entries() == [("auth0|17 é", entry.owner_id, True)]


def test_staff_who_may_reassign_can_view(staff, entry, bob):
    client = staff("reassign_layeruser")

    assertContains(client.get(page_of(entry)), "Reassign…")
    assert reassign(client, entry, confirm="yes").url == page_of(entry)
    assert entries() == [("auth0|17 é", bob.pk, True)]


def test_staff_without_a_permission_get_403(staff, entry):
    client = staff("view_layerapp")

    assert client.get(LEDGER).status_code == 403
    assert client.get(page_of(entry)).status_code == 403


def test_anonymous_users_must_log_in(client, entry):
    response = client.get(page_of(entry, "reassign"))

    assert response.url == f"/admin/login/?next={page_of(entry, 'reassign')}"
