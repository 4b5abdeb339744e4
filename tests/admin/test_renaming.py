"""Layer user IDs are changed in the admin, and reassigning says who loses what."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.contrib.admin import AdminSite, site
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Permission, User
from django.db import OperationalError
from django.urls import include, path
from pytest_django.asserts import assertContains, assertNotContains

from django_layer_identity import ledger
from django_layer_identity.admin.apps import LayerAppAdmin
from django_layer_identity.admin.users import LayerUserAdmin
from django_layer_identity.models import LayerApp, LayerUser
from tests.admin.pages import history, messages_of
from tests.conftest import KEY_ID, PROVIDER_ID
from tests.ledger.users import entries

LEDGER = "/admin/layer_identity/layeruser/"
RENAME = f"{LEDGER}rename/"
INVISIBLE = "“alice\\u200b2” contains invisible characters: remove them."
OWNED = (
    "This Layer user ID belongs, or belonged, to another user. To give it to this user, "
    "find it in the list and reassign it."
)
BOTH = ("reassign_layeruser", "rename_layeruser")


@pytest.fixture
def entry(app, alice):
    ledger.rename(app, alice, "alice")
    return LayerUser.objects.get()


@pytest.fixture
def renamer(staff):
    """A client of staff who may only change IDs, and so enter login names."""
    return staff("rename_layeruser")


def page_of(entry, page="change"):
    return f"{LEDGER}{entry.pk}/{page}/"


def rename(client, app, /, **given):
    data = {"app": app.pk, "user": "alice", "user_id": "alice-2", **given}
    return client.post(RENAME, data)


def errors_of(response):
    return response.context["form"].errors


def fields_of(response):
    return list(response.context["form"].fields)


def hidden_in(response):
    fields = r'<input type="hidden" name="(\w+)" value="(.*?)"'
    return dict(re.findall(fields, response.content.decode()))


def text_of(response):
    """Return the text of a page, without tags and line breaks."""
    content = response.content.decode().partition('id="content-main"')[2]
    return " ".join(re.sub(r"<[^>]+>", "", content).split())


def configure(settings, **changes):
    settings.LAYER_IDENTITY = {**settings.LAYER_IDENTITY, **changes}


# Changing an ID


def test_the_page_of_an_entry_links_to_the_change_of_its_users_id(
    admin_client, entry, alice
):
    link = f"{RENAME}?app={entry.app_id}&amp;user={alice.pk}"

    assertContains(admin_client.get(page_of(entry)), link)


def test_the_entry_of_a_deleted_user_has_no_such_link(admin_client, entry, alice):
    alice.delete()

    assertNotContains(admin_client.get(page_of(entry)), RENAME)


def test_the_list_links_to_an_id_for_a_user_who_has_none(admin_client, db):
    assertContains(admin_client.get(LEDGER), "Give a user a Layer user ID")


def test_the_form_begins_with_the_app_and_the_user_of_its_address(
    renamer, entry, alice
):
    other = LayerApp.objects.create(name="X", app_id=KEY_ID, provider_id=PROVIDER_ID)

    form = renamer.get(RENAME, {"app": other.pk, "user": alice.pk}).context["form"]

    assert form["app"].value() == str(other.pk)
    assert form["user"].value() == "alice"


def test_the_form_tells_no_login_name_that_the_ledger_does_not_show(renamer, app, bob):
    form = renamer.get(RENAME, {"user": bob.pk}).context["form"]

    assert form["user"].value() is None


def test_the_form_begins_with_any_user_for_staff_who_may_search_users(
    admin_client, app, bob
):
    form = admin_client.get(RENAME, {"user": bob.pk}).context["form"]

    assert form["user"].value() == bob.pk


@pytest.mark.parametrize("user", ["", "nobody", "4711"])
def test_the_form_begins_with_the_only_app_and_no_unknown_user(renamer, app, user):
    form = renamer.get(RENAME, {"user": user}).context["form"]

    assert (form["app"].value(), form["user"].value()) == (app.pk, None)


def test_of_several_apps_none_is_chosen(renamer, app):
    LayerApp.objects.create(name="X", app_id=KEY_ID, provider_id=PROVIDER_ID)

    assert renamer.get(RENAME).context["form"]["app"].value() is None


def test_changing_an_id_asks_first_and_says_what_happens(renamer, entry, alice):
    page = text_of(rename(renamer, entry.app))

    for sentence in (
        "Are you sure that you want to give alice the Layer user ID “alice-2” in "
        "Messenger?",
        "The present Layer user ID of alice is “alice”. It stays reserved for alice, but "
        "the messages that were sent to it are not shown under the new ID.",
        "A client that sends the present ID as user_id is refused with user_id_mismatch "
        "until it has deauthenticated.",
        "If the new ID already exists at Layer, alice can read everything that was sent "
        "to it.",
        "The next identity token of alice has this ID.",
    ):
        assert sentence in page
    assert entries() == [("alice", alice.pk, True)]
    assert history() == []


def test_a_changed_id_is_recorded_without_names_in_the_history(renamer, entry, alice):
    confirmation = rename(renamer, entry.app)

    response = renamer.post(RENAME, hidden_in(confirmation))

    new = LayerUser.objects.get(user_id="alice-2")
    assert response.url == page_of(new)
    assert entries() == [("alice", alice.pk, False), ("alice-2", alice.pk, True)]
    assert messages_of(response) == ["The Layer user ID of alice was changed."]
    assert history() == [f"Made the current Layer user ID of user {alice.pk}."]
    assert LogEntry.objects.get().object_repr == new.digest[:16]


def test_a_user_without_an_id_gets_one(renamer, app, alice):
    page = text_of(rename(renamer, app))
    rename(renamer, app, confirm="yes")

    assert "alice has no Layer user ID in Messenger yet." in page
    assert "present Layer user ID" not in page
    assert entries() == [("alice-2", alice.pk, True)]


def test_a_user_can_return_to_a_former_id(renamer, entry, alice):
    ledger.rename(entry.app, alice, "alice-2")

    page = text_of(rename(renamer, entry.app, user_id="alice"))
    rename(renamer, entry.app, user_id="alice", confirm="yes")

    assert (
        "alice had the new ID before, so alice sees the messages that were sent to it."
    ) in page
    assert entries() == [("alice", alice.pk, True), ("alice-2", alice.pk, False)]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            "follow",
            "This will not last: LAYER_IDENTITY['USER_ID_CHANGE'] is “follow”. Unless "
            "USER_ID gives alice this ID, the next token of alice switches to the ID that "
            "USER_ID gives, or is refused with user_id_taken if that ID belongs to "
            "another user.",
        ),
        (
            "refuse",
            "This will not last: LAYER_IDENTITY['USER_ID_CHANGE'] is “refuse”. Unless "
            "USER_ID gives alice this ID, the next token of alice is refused with "
            "user_id_changed.",
        ),
    ],
)
def test_the_question_says_when_a_changed_id_will_not_last(
    renamer, entry, settings, change, sentence
):
    configure(settings, USER_ID_CHANGE=change)

    page = text_of(rename(renamer, entry.app))

    assert sentence in page
    assert "The next identity token" not in page


@pytest.mark.parametrize(
    ("given", "errors"),
    [
        (
            {"user": "nobody"},
            {
                "user": [
                    "No user logs in with this name. Enter the complete name, exactly."
                ]
            },
        ),
        ({"app": ""}, {"app": ["This field is required."]}),
        ({"user_id": ""}, {"user_id": ["This field is required."]}),
        ({"user_id": " "}, {"user_id": ["A Layer user ID must not be blank."]}),
        (
            {"user_id": "None"},
            {"user_id": ['"None" is a missing value, not a Layer user ID.']},
        ),
        (
            {"user_id": "x" * 129},
            {"user_id": ["A Layer user ID must have at most 128 characters."]},
        ),
        ({"user_id": "bob"}, {"user_id": [OWNED]}),
        (
            {"user_id": "alice"},
            {"user_id": ["The user already has this Layer user ID."]},
        ),
    ],
)
def test_an_invalid_change_is_refused(renamer, entry, bob, given, errors):
    ledger.rename(entry.app, bob, "bob")
    before = list(LayerUser.objects.values())

    response = rename(renamer, entry.app, confirm="yes", **given)

    assert errors_of(response) == errors
    assertContains(response, '<p class="errornote">')
    assert list(LayerUser.objects.values()) == before


def test_a_change_that_loses_a_race_gives_a_message(
    renamer, entry, around_ledger_write
):
    around_ledger_write(lambda write: False)

    response = rename(renamer, entry.app, confirm="yes")

    assert response.url == RENAME
    assert messages_of(response) == [
        "The ledger was changed at the same time. Try again."
    ]
    assert history() == []


def test_a_busy_database_gives_a_message(renamer, entry, around_ledger_write):
    def fail(write):
        raise OperationalError("database is locked")

    around_ledger_write(fail)

    response = rename(renamer, entry.app, confirm="yes")

    assert messages_of(response) == [
        "The database is busy, so nothing was changed. Try again."
    ]


# IDs that look like typing errors


def test_a_first_form_has_no_checkbox(renamer, app):
    assert fields_of(renamer.get(RENAME)) == ["app", "user", "user_id"]


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        (
            " alice",
            "“ alice” begins or ends with white space: remove it.",
        ),
        ("alice\u200b2", INVISIBLE),
        (
            "1.23457E+17",
            "“1.23457E+17” looks like a cell that a spreadsheet changed: format the column "
            "as text, and enter the original ID.",
        ),
    ],
)
def test_an_id_like_a_typing_error_is_refused_unchanged_with_a_checkbox(
    renamer, entry, typed, error
):
    response = rename(renamer, entry.app, user_id=typed, confirm="yes")

    assert errors_of(response) == {"user_id": [error]}
    assert response.context["form"]["user_id"].value() == typed
    assert fields_of(response) == ["app", "user", "user_id", "exact"]
    assertContains(response, "Use this value exactly as typed")
    assertContains(response, '<input type="checkbox" name="exact" id="id_exact">')
    assert LayerUser.objects.count() == 1


def test_a_person_may_insist_on_an_id_exactly_as_typed(renamer, entry, alice):
    confirmation = rename(renamer, entry.app, user_id=" alice\u200b", exact="on")
    renamer.post(RENAME, hidden_in(confirmation))

    assertContains(confirmation, "“ alice\\u200b”")
    assert entries()[1] == (" alice\u200b", alice.pk, True)


def test_insisting_is_forgotten_with_the_value(renamer, entry):
    response = rename(renamer, entry.app, user="nobody", user_id="ok", exact="on")

    assert fields_of(response) == ["app", "user", "user_id"]


def test_a_wrong_id_of_a_deleted_user_is_looked_at_too(staff, entry, alice, bob):
    client = staff("reassign_layeruser")
    alice.delete()

    data = {"user": "bob", "reason": "x", "user_id": "alice "}
    response = client.post(page_of(entry, "reassign"), data)

    assert errors_of(response) == {
        "user_id": [
            "This text is not the Layer user ID of this entry. Enter the ID exactly as it "
            "was.",
            "“alice ” begins or ends with white space: remove it.",
        ]
    }


# What reassigning means for the former owner


def reassign(client, entry, **given):
    data = {"user": "bob", "reason": "x", **given}
    return client.post(page_of(entry, "reassign"), data)


TAKEN = (
    "alice gets no identity tokens from then on: the Layer user ID that USER_ID gives "
    "alice belongs to another user, so each request is refused with user_id_taken until "
    "alice has another ID."
)


def test_an_owner_who_will_be_refused_is_named_with_the_way_out(
    staff, entry, alice, bob
):
    client = staff(*BOTH)
    url = f"{RENAME}?app={entry.app_id}&amp;user={alice.pk}"
    link = f'<a href="{url}">Give alice another Layer user ID</a>'

    confirmation = reassign(client, entry)
    done = reassign(client, entry, confirm="yes")

    assert f"{TAKEN} To avoid this, do it first: Give alice another" in text_of(
        confirmation
    )
    assertContains(confirmation, link)
    assert messages_of(done) == [
        "The Layer user ID now belongs to bob.",
        f"{TAKEN} {link}",
    ]


@pytest.mark.parametrize("change", ["follow", "refuse"])
def test_where_user_id_decides_the_way_out_is_to_change_what_it_reads(
    staff, entry, alice, bob, settings, change
):
    configure(settings, USER_ID_CHANGE=change)

    confirmation = reassign(staff(*BOTH), entry)

    assert (
        f"{TAKEN} First change the value that USER_ID reads: with "
        f"LAYER_IDENTITY['USER_ID_CHANGE'] = “{change}”, another ID that is given here "
        "does not last."
    ) in unescape(text_of(confirmation))
    assertNotContains(confirmation, RENAME)


def test_without_the_permission_the_way_out_is_named_and_not_linked(staff, entry, bob):
    client = staff("reassign_layeruser")

    confirmation = reassign(client, entry)
    done = reassign(client, entry, confirm="yes")

    assert (
        f"{TAKEN} Staff with the permission “Can change Layer user ID” can give another "
        "ID."
    ) in text_of(confirmation)
    assertNotContains(confirmation, RENAME)
    assert messages_of(done)[1] == TAKEN


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"USER_ID": "first_name"},
            "The next identity token of alice has the Layer user ID “Alice”. It does not "
            "show the messages that were sent to the reassigned ID.",
        ),
        (
            {"USER_ID": "django_layer_identity.mapping.user_ids:random_uuid"},
            "The next identity token of alice has a new random Layer user ID. It does not "
            "show the messages that were sent to the reassigned ID.",
        ),
        (
            {"USER_ID": "email"},
            "alice gets no identity tokens from then on: each request is refused with "
            "user_id_unavailable. This user has no usable Layer user ID.",
        ),
        (
            {"USER_ID_NORMALIZER": "tests.ledger.test_losses:forbidden"},
            "A function of your project computes USER_ID, so this page cannot tell which "
            "Layer user ID alice gets from then on. If it is this one, each request is "
            "refused with user_id_taken until alice has another ID.",
        ),
        (
            {"USER_ID": "is_authenticated"},  # a method would call the project too
            "A function of your project computes USER_ID, so this page cannot tell which "
            "Layer user ID alice gets from then on. If it is this one, each request is "
            "refused with user_id_taken until alice has another ID.",
        ),
        (
            {"USER_ID": "tests.ledger.test_losses:forbidden"},
            "A function of your project computes USER_ID, so this page cannot tell which "
            "Layer user ID alice gets from then on. If it is this one, each request is "
            "refused with user_id_taken until alice has another ID.",
        ),
    ],
)
def test_the_question_says_what_the_former_owner_will_get(
    staff, entry, bob, settings, changes, sentence
):
    configure(settings, **changes)
    client = staff(*BOTH)

    assert sentence in text_of(reassign(client, entry))
    assert sentence in messages_of(reassign(client, entry, confirm="yes"))[1]


def test_an_owner_who_keeps_another_id_needs_no_help(staff, entry, alice, bob):
    ledger.rename(entry.app, alice, "alice-2")
    client = staff(*BOTH)
    sentence = "alice has the Layer user ID “alice-2” in this Layer app, and keeps it."

    confirmation = reassign(client, entry)

    assert sentence in text_of(confirmation)
    assertNotContains(confirmation, RENAME)
    assert messages_of(reassign(client, entry, confirm="yes"))[1] == sentence


def test_an_owner_who_gets_a_former_id_back_loses_nothing(staff, entry, alice):
    ledger.rename(entry.app, alice, "alice-2")

    page = reassign(staff(*BOTH), entry, user="alice")

    assertNotContains(page, "The previous user can no longer log in")
    assertNotContains(page, "keeps it")


def test_the_new_owner_is_told_when_the_id_will_not_last(staff, entry, bob, settings):
    configure(settings, USER_ID_CHANGE="refuse")

    assert (
        "Unless USER_ID gives bob this ID, the next token of bob is refused with "
        "user_id_changed."
    ) in text_of(reassign(staff(*BOTH), entry))


def test_names_are_escaped_in_messages(staff, entry, alice, bob):
    User.objects.filter(pk=alice.pk).update(username="<b>alice</b>")
    User.objects.filter(pk=bob.pk).update(username="<b>bob</b>")

    response = reassign(staff(*BOTH), entry, user="<b>bob</b>", confirm="yes")

    page = response.client.get(response.url).content.decode()
    assert "<b>" not in page
    assert "The next identity token of &lt;b&gt;alice&lt;/b&gt; has" in page


# The field for the user


def test_users_are_searched_by_staff_who_may_view_users(admin_client, entry, bob):
    form = admin_client.get(page_of(entry, "reassign"))
    confirmation = reassign(admin_client, entry, user=bob.pk)

    assertContains(form, 'class="admin-autocomplete"')
    assertContains(form, "admin/js/autocomplete.js")
    assertContains(confirmation, "give this Layer user ID to bob?")
    admin_client.post(page_of(entry, "reassign"), hidden_in(confirmation))
    assert entries() == [("alice", bob.pk, True)]


def test_the_search_for_users_finds_them(admin_client, bob):
    form = admin_client.get(RENAME).context["form"]
    attrs = form["user"].field.widget.build_attrs({})
    names = ("app-label", "model-name", "field-name")
    query = {name.replace("-", "_"): attrs[f"data-{name}"] for name in names}

    response = admin_client.get(attrs["data-ajax--url"], {**query, "term": "bo"})

    assert response.json()["results"] == [{"id": str(bob.pk), "text": "bob"}]


def test_the_searched_user_is_chosen_at_the_beginning(admin_client, entry, alice):
    response = admin_client.get(RENAME, {"user": alice.pk})

    assertContains(
        response, f'<option value="{alice.pk}" selected>alice</option>', html=True
    )


def test_staff_who_may_not_view_users_enter_a_login_name(renamer, entry):
    assertContains(renamer.get(RENAME), "The name that this user logs in with.")


def test_a_login_name_is_entered_where_users_have_no_search(
    admin_client, entry, monkeypatch
):
    monkeypatch.setattr(UserAdmin, "search_fields", ())

    assertNotContains(admin_client.get(RENAME), "admin-autocomplete")


# Permissions and sites


def test_staff_who_may_change_ids_can_view(renamer, entry):
    assertContains(renamer.get(page_of(entry)), "Change Layer user ID…")
    assertNotContains(renamer.get(page_of(entry)), "Reassign…")
    assertContains(renamer.get(LEDGER), RENAME)


@pytest.mark.parametrize("permission", ["view_layeruser", "reassign_layeruser"])
def test_staff_without_the_permission_cannot_change_ids(staff, entry, permission):
    client = staff(permission)

    assertNotContains(client.get(page_of(entry)), RENAME)
    assertNotContains(client.get(LEDGER), RENAME)
    assert client.get(RENAME).status_code == 403
    assert rename(client, entry.app, confirm="yes").status_code == 403
    assert LayerUser.objects.count() == 1


def test_the_permission_can_be_given(db):
    permission = Permission.objects.get(codename="rename_layeruser")
    assert permission.name == "Can change Layer user ID"


def test_anonymous_users_must_log_in(client, db):
    assert client.get(RENAME).url == f"/admin/login/?next={RENAME}"


second = AdminSite("second")
second.register(LayerUser, LayerUserAdmin)
second.register(LayerApp, LayerAppAdmin)
urlpatterns = [
    path("second/", second.urls),
    path("", include("tests.urls")),
]


@pytest.mark.urls(__name__)
def test_a_second_site_without_users_links_to_itself(admin_client, entry, bob):
    ledger_pages = "/second/layer_identity/layeruser/"
    reassign_page = f"{ledger_pages}{entry.pk}/reassign/"
    data = {"user": "bob", "reason": "x"}

    pages = [
        admin_client.get(ledger_pages),
        admin_client.get(f"{ledger_pages}{entry.pk}/change/"),
        admin_client.get(reassign_page),
        admin_client.post(reassign_page, data),
        admin_client.get(f"{ledger_pages}rename/"),
    ]
    done = admin_client.post(reassign_page, {**data, "confirm": "yes"})

    assert [page.status_code for page in pages] == [200] * 5
    links = re.findall(
        r'href="(/[^"]*layeruser[^"]*)"', str([p.content for p in pages])
    )
    assert {link.split("/")[1] for link in links} == {"second"}
    assert done.url == f"{ledger_pages}{entry.pk}/change/"
    assert f'href="{ledger_pages}rename/?app=' in messages_of(done)[1]
    assert not second.is_registered(User)
    assert site.is_registered(User)
