from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains

from django_layer_identity import keyring, ledger
from django_layer_identity.admin.apps import LayerAppAdmin
from django_layer_identity.exceptions import AppFrozen
from django_layer_identity.models import LayerApp, SigningKey
from tests.conftest import APP_ID, KEY_ID, OTHER_KEY_ID, PROVIDER_ID

APPS = "/admin/layer_identity/layerapp/"
KEY = "-----BEGIN PRIVATE KEY-----MIIEvQ"
HOLDS_KEY = "A name must not contain a private key or a part of one."


@pytest.fixture
def viewer(db, client):
    """A client of staff who may only view Layer apps."""
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_layerapp"))
    client.force_login(user)
    return client


def page_of(app):
    return f"{APPS}{app.pk}/change/"


def entered(**overrides):
    return {
        "name": "Messenger",
        "environment": "production",
        "app_id": str(APP_ID),
        "provider_id": str(PROVIDER_ID),
        "enabled": "on",
        "token_lifetime": "",
        "keys-TOTAL_FORMS": "0",
        "keys-INITIAL_FORMS": "0",
        **overrides,
    }


def errors(response):
    return response.context["adminform"].form.errors


def test_the_form_proposes_two_new_ids(admin_client):
    proposed = [
        UUID(
            str(admin_client.get(f"{APPS}add/").context["adminform"].form[name].value())
        )
        for name in ("app_id", "provider_id", "app_id")
    ]

    assert len(set(proposed)) == 3
    assert [each.version for each in proposed] == [4, 4, 4]


@pytest.mark.parametrize(
    ("app_id", "provider_id"),
    [
        (str(APP_ID), str(PROVIDER_ID)),
        (str(APP_ID).upper(), str(PROVIDER_ID).upper()),
        (
            f"layer:///apps/production/{APP_ID}",
            f"layer:///providers/{PROVIDER_ID}",
        ),
        (f" {APP_ID}\n", f" layer:///providers/{PROVIDER_ID} "),
    ],
    ids=["bare", "upper-case", "prefixed", "spaces-around"],
)
def test_an_app_is_added_with_ids_in_any_form(admin_client, app_id, provider_id):
    admin_client.post(f"{APPS}add/", entered(app_id=app_id, provider_id=provider_id))

    assert list(LayerApp.objects.values()) == [
        {
            "id": LayerApp.objects.get().pk,
            "name": "Messenger",
            "environment": "production",
            "app_id": UUID("aaaaaaaa-0000-4000-8000-000000000001"),
            "provider_id": UUID("bbbbbbbb-0000-4000-8000-000000000002"),
            "enabled": True,
            "token_lifetime": None,
            "frozen_at": None,
        }
    ]


SEVERAL = (
    "2 Layer apps are enabled now: requests without app_id are refused with 400 "
    "app_id_required."
)


@pytest.mark.parametrize(("enabled", "expected"), [("on", [SEVERAL]), ("", [])])
def test_an_added_app_that_is_enabled_as_the_second_one_gives_a_warning(
    admin_client, app, enabled, expected
):
    posted = entered(app_id="aaaaaaaa-0000-4000-8000-000000000009", enabled=enabled)

    response = admin_client.post(f"{APPS}add/", posted)

    success, *warnings = map(str, get_messages(response.wsgi_request))
    assert "was added successfully" in success
    assert warnings == expected


def test_the_first_app_gives_no_warning(admin_client):
    response = admin_client.post(f"{APPS}add/", entered())

    assert len(get_messages(response.wsgi_request)) == 1


@pytest.mark.parametrize(
    ("field", "text", "error"),
    [
        (
            "app_id",
            f"layer:///providers/{PROVIDER_ID}",
            "This is a provider ID. Use an app ID here.",
        ),
        (
            "app_id",
            f"layer:///keys/{KEY_ID}",
            "This is a key ID. Use an app ID here.",
        ),
        (
            "provider_id",
            f"layer:///apps/production/{APP_ID}",
            "This is an app ID. Use a provider ID here.",
        ),
        (
            "provider_id",
            f"layer:///keys/{KEY_ID}",
            "This is a key ID. Use a provider ID here.",
        ),
        (
            "app_id",
            f"layer:///apps/staging/{APP_ID}",
            "This app ID belongs to the staging environment. Choose that environment, or "
            "enter an app ID of the environment that you chose.",
        ),
        ("app_id", "", "This field is required."),
        (
            "app_id",
            KEY,
            "An app ID must be a UUID or have the form layer:///apps/<environment>/<uuid>.",
        ),
        (
            "token_lifetime",
            KEY,
            "Enter a number of minutes, such as 5.",
        ),
        ("token_lifetime", "0", "A token must live at least 30 seconds."),
        ("token_lifetime", "-5", "A token must live at least 30 seconds."),
        ("token_lifetime", "0.4999", "A token must live at least 30 seconds."),
        ("token_lifetime", "1440.01", "A token must live at most 24 hours."),
        ("token_lifetime", "1e400", "Enter a number of minutes, such as 5."),
        ("token_lifetime", "nan", "Enter a number of minutes, such as 5."),
        (
            "provider_id",
            str(APP_ID).upper(),
            "The app ID and the provider ID are the same, so one of them is wrong. Make "
            "up two different UUIDs. If they are from Layer's dashboard: the app ID began "
            "with layer:///apps/ there, and the provider ID with layer:///providers/.",
        ),
        ("name", KEY, HOLDS_KEY),
        ("name", "M" * 65, HOLDS_KEY),
    ],
    ids=[
        "provider-for-app",
        "key-for-app",
        "app-for-provider",
        "key-for-provider",
        "other-environment",
        "empty",
        "private-key-for-app",
        "private-key-for-lifetime",
        "no-lifetime",
        "negative-lifetime",
        "lifetime-of-under-half-a-minute",
        "lifetime-of-over-a-day",
        "infinite-lifetime",
        "lifetime-that-is-not-a-number",
        "the-app-id-for-provider",
        "private-key-for-name",
        "part-of-a-key-for-name",
    ],
)
def test_an_app_with_an_invalid_value_is_not_added(admin_client, field, text, error):
    response = admin_client.post(f"{APPS}add/", entered(**{field: text}))

    assert errors(response) == {field: [error]}
    assert not LayerApp.objects.exists()


def test_an_app_with_equal_ids_cannot_be_saved_until_they_are_corrected(
    admin_client, app
):
    LayerApp.objects.update(provider_id=APP_ID)

    refused = admin_client.post(page_of(app), entered(provider_id=str(APP_ID)))
    admin_client.post(page_of(app), entered())

    assert list(errors(refused)) == ["provider_id"]
    assert LayerApp.objects.get().provider_id == PROVIDER_ID


def test_an_app_whose_equal_ids_are_frozen_can_be_renamed(admin_client, app):
    LayerApp.objects.update(provider_id=APP_ID)
    LayerApp.objects.update(frozen_at=timezone.now())

    admin_client.post(page_of(app), entered(name="Chat"))

    assert LayerApp.objects.get().name == "Chat"


# The token lifetime


def field_of(response):
    return response.context["adminform"].form["token_lifetime"]


def with_lifetime(app, **parts):
    LayerApp.objects.filter(pk=app.pk).update(token_lifetime=timedelta(**parts))


def test_the_lifetime_is_a_number_of_minutes(admin_client, app):
    assertContains(admin_client.get(page_of(app)), "Token lifetime in minutes")


@pytest.mark.parametrize(
    ("text", "seconds"), [("2.5", 150), ("0.5", 30), ("1440", 86_400), (" 5 ", 300)]
)
def test_minutes_are_stored_as_a_duration(admin_client, app, text, seconds):
    admin_client.post(page_of(app), entered(token_lifetime=text))

    assert LayerApp.objects.get().token_lifetime == timedelta(seconds=seconds)


def test_an_empty_lifetime_is_the_default_of_the_setting(admin_client, app):
    with_lifetime(app, minutes=10)

    admin_client.post(page_of(app), entered(token_lifetime=""))

    assert LayerApp.objects.get().token_lifetime is None


@pytest.mark.parametrize(
    ("duration", "shown"),
    [
        ({"minutes": 5}, "5"),
        ({"seconds": 90}, "1.5"),
        ({"seconds": 100}, "1.66666667"),
        ({"seconds": 30, "microseconds": 1}, "0.50000002"),
        ({"hours": 23, "minutes": 59, "seconds": 59, "microseconds": 999_999}, None),
        ({"hours": 24}, "1440"),
    ],
)
@pytest.mark.parametrize("language", ["en", "de", "fr"])
def test_an_untouched_lifetime_is_saved_unchanged(
    admin_client, app, settings, duration, shown, language
):
    settings.LANGUAGE_CODE, settings.USE_THOUSAND_SEPARATOR = language, True
    with_lifetime(app, **duration)
    text = field_of(admin_client.get(page_of(app))).value()

    admin_client.post(page_of(app), entered(token_lifetime=text, name="Chat"))

    assert shown in (None, text.replace(",", "."))
    assert LayerApp.objects.get().token_lifetime == timedelta(**duration)
    assert LogEntry.objects.get().get_change_message() in (
        "Changed Name.",
        "Name geändert.",
        "Modification de Name.",
    )


@pytest.mark.parametrize(
    ("text", "minutes"), [("2,5", 2.5), ("2.5", 2.5), ("1440", 1440), ("1.440", 1440)]
)
def test_a_german_may_type_numbers_as_in_german(
    admin_client, app, settings, text, minutes
):
    settings.LANGUAGE_CODE, settings.USE_THOUSAND_SEPARATOR = "de", True

    admin_client.post(page_of(app), entered(token_lifetime=text))

    assert LayerApp.objects.get().token_lifetime == timedelta(minutes=minutes)


def test_a_decimal_comma_does_not_depend_on_separators_of_thousands(
    admin_client, app, settings
):
    settings.LANGUAGE_CODE, settings.USE_THOUSAND_SEPARATOR = "de", False

    admin_client.post(page_of(app), entered(token_lifetime="2,5"))

    assert LayerApp.objects.get().token_lifetime == timedelta(seconds=150)


def test_a_german_sees_a_decimal_comma_in_a_text_input(admin_client, app, settings):
    settings.LANGUAGE_CODE = "de"
    with_lifetime(app, seconds=150)

    assertContains(
        admin_client.get(page_of(app)),
        '<input type="text" name="token_lifetime" value="2,5" inputmode="decimal" '
        'id="id_token_lifetime" aria-describedby="id_token_lifetime_helptext">',
        html=True,
    )


def test_a_decimal_point_is_seen_in_a_number_input(admin_client, app):
    with_lifetime(app, seconds=150)

    assertContains(
        admin_client.get(page_of(app)),
        '<input type="number" name="token_lifetime" value="2.5" step="any" min="0.5" '
        'max="1440" id="id_token_lifetime" '
        'aria-describedby="id_token_lifetime_helptext">',
        html=True,
    )


def test_an_english_decimal_comma_is_refused_and_not_ignored(
    admin_client, app, settings
):
    settings.USE_THOUSAND_SEPARATOR = True

    response = admin_client.post(page_of(app), entered(token_lifetime="2,5"))

    assert errors(response) == {
        "token_lifetime": ["Enter a number of minutes, such as 5."]
    }


@pytest.mark.parametrize(
    ("default", "expected"),
    [
        ({}, "Empty: the setting TOKEN_LIFETIME, now 5 minutes."),
        (
            {"TOKEN_LIFETIME": timedelta(minutes=1)},
            "Empty: the setting TOKEN_LIFETIME, now 1 minute.",
        ),
        (
            {"TOKEN_LIFETIME": timedelta(seconds=100)},
            "Empty: the setting TOKEN_LIFETIME, now 1.67 minutes.",
        ),
        ({"TOKEN_LIFETIME": 300}, "Empty: the setting TOKEN_LIFETIME."),
    ],
)
def test_the_help_text_says_what_empty_means(
    admin_client, app, settings, default, expected
):
    settings.LAYER_IDENTITY = {**settings.LAYER_IDENTITY, **default}

    assert field_of(admin_client.get(page_of(app))).help_text == (
        f"At least half a minute, at most 1440 minutes (24 hours). {expected}"
    )


@pytest.mark.parametrize(
    ("duration", "shown"),
    [
        (None, "that of the setting TOKEN_LIFETIME"),
        (timedelta(seconds=90), "1.5 minutes"),
    ],
)
def test_staff_who_may_only_view_see_the_lifetime_with_its_unit(
    viewer, app, duration, shown
):
    LayerApp.objects.update(token_lifetime=duration)

    assertContains(
        viewer.get(page_of(app)), f'<div class="readonly">{shown}</div>', html=True
    )


def test_an_app_id_is_added_once(admin_client, app):
    response = admin_client.post(f"{APPS}add/", entered(name="Another"))

    assert errors(response) == {
        "app_id": ["Layer app with this App ID already exists."]
    }


def test_an_app_without_an_environment_is_not_added(admin_client):
    response = admin_client.post(f"{APPS}add/", entered(environment=""))

    assert errors(response) == {"environment": ["This field is required."]}


def test_an_app_is_renamed_and_keeps_its_ids(admin_client, app):
    admin_client.post(page_of(app), entered(name="Chat"))

    app.refresh_from_db()
    assert (app.name, app.app_id, app.provider_id) == ("Chat", APP_ID, PROVIDER_ID)
    assert LogEntry.objects.get().get_change_message() == "Changed Name."


def test_the_number_of_queries_does_not_grow_with_the_apps(
    admin_client, app, key, django_assert_num_queries
):
    with CaptureQueriesContext(connection) as one:
        admin_client.get(APPS)
    other = LayerApp.objects.create(name="New", app_id=KEY_ID, provider_id=PROVIDER_ID)
    keyring.generate_private_key(other)
    LayerApp.objects.create(name="N", app_id=PROVIDER_ID, provider_id=PROVIDER_ID)

    with django_assert_num_queries(len(one)):
        admin_client.get(APPS)


def test_apps_are_searched_by_name(admin_client, app):
    assertContains(admin_client.get(APPS, {"q": "messen"}), "1 Layer app")
    assertContains(admin_client.get(APPS, {"q": "other"}), "0 Layer apps")


def test_the_page_of_an_app_links_its_keys_and_shows_their_states(
    admin_client, app, key, other_private_key
):
    draft = SigningKey.from_private_key(app, other_private_key)
    draft.save()

    response = admin_client.get(page_of(app))

    for listed, state in ((key, "active"), (draft, "draft")):
        badge = f'<span class="layer-state layer-{state}">{state}</span>'
        assertContains(
            response, f"/admin/layer_identity/signingkey/{listed.pk}/change/"
        )
        assertContains(response, badge, html=True)


def test_the_page_of_a_new_app_lists_no_keys(admin_client):
    assertNotContains(admin_client.get(f"{APPS}add/"), "keys-group")


def test_the_keys_on_the_page_of_an_app_are_read_only(admin_client, app, key):
    forged = {"keys-0-id": key.pk, "keys-0-key_id": OTHER_KEY_ID, "keys-0-DELETE": "on"}
    counts = {"keys-TOTAL_FORMS": "2", "keys-INITIAL_FORMS": "1"}

    admin_client.post(page_of(app), entered(**forged, **counts))

    assert SigningKey.objects.values_list("key_id", flat=True).get() == KEY_ID


def test_the_page_of_an_app_links_to_a_new_key(admin_client, app):
    link = f"/admin/layer_identity/signingkey/add/?app={app.pk}"

    assertContains(admin_client.get(page_of(app)), link)


def test_staff_without_the_view_permission_see_no_keys(viewer, app, key):
    response = viewer.get(page_of(app))

    assertContains(response, "View Layer app")
    assertNotContains(response, "signingkey")
    assertNotContains(response, str(key))


def test_the_ids_of_an_app_are_read_only_after_an_activation(admin_client, app, key):
    page = admin_client.get(page_of(app))
    admin_client.post(page_of(app), entered(app_id=str(KEY_ID), name="Chat"))

    assert list(page.context["adminform"].form.fields) == [
        "name",
        "enabled",
        "token_lifetime",
    ]
    app.refresh_from_db()
    assert (app.name, app.app_id) == ("Chat", APP_ID)


def delete_selected(client, *apps):
    selected = [app.pk for app in apps]
    data = {"action": "delete_selected", "_selected_action": selected, "post": "yes"}
    return client.post(APPS, data)


@pytest.fixture(params=["draft", "user"])
def protected_app(app, request):
    """An app with a key that was never active, or with only a Layer user."""
    if request.param == "draft":
        request.getfixturevalue("draft")
    else:
        ledger.import_user_id(app, request.getfixturevalue("alice"), "alice")
    return app


def test_an_app_with_keys_or_layer_users_has_no_delete_button(
    admin_client, protected_app
):
    assertNotContains(admin_client.get(page_of(protected_app)), "/delete/")
    assert (
        admin_client.post(f"{APPS}{protected_app.pk}/delete/", {"post": "yes"})
    ).status_code == 403
    assert LayerApp.objects.get() == protected_app


def test_the_list_reports_what_protects_the_selected_apps(admin_client, protected_app):
    other = LayerApp.objects.create(name="X", app_id=KEY_ID, provider_id=PROVIDER_ID)

    response = delete_selected(admin_client, protected_app, other)

    assertContains(response, "would require deleting the following protected")
    assert LayerApp.objects.count() == 2


def test_an_app_without_keys_has_a_delete_button(admin_client, app):
    assertContains(admin_client.get(page_of(app)), f"{APPS}{app.pk}/delete/")


def test_an_app_without_keys_is_deleted(admin_client, app):
    admin_client.post(f"{APPS}{app.pk}/delete/", {"post": "yes"})

    assert not LayerApp.objects.exists()


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (
            OperationalError("database is locked"),
            "The database is busy, so nothing was changed. Try again.",
        ),
        (AppFrozen("The IDs cannot change."), "The IDs cannot change."),
    ],
    ids=["busy", "frozen"],
)
def test_an_expected_error_on_save_gives_a_message(
    admin_client, app, monkeypatch, failure, expected
):
    def fail(*args, **kwargs):
        raise failure

    monkeypatch.setattr(LayerApp, "save", fail)

    response = admin_client.post(page_of(app), entered(name="Other"))

    assert response.url == page_of(app)
    assert [str(message) for message in get_messages(response.wsgi_request)] == [
        expected
    ]


def test_a_busy_database_during_the_check_for_an_active_key_gives_a_message(
    admin_client, app, key, monkeypatch
):
    def fail(*args, **kwargs):
        raise OperationalError("database is locked")

    monkeypatch.setattr(LayerAppAdmin, "get_object", fail)

    response = admin_client.post(page_of(app), entered(enabled=""))

    assert response.url == page_of(app)
    assert [str(message) for message in get_messages(response.wsgi_request)] == [
        "The database is busy, so nothing was changed. Try again."
    ]


def test_other_database_errors_are_not_reported_as_busy(admin_client, app, monkeypatch):
    def fail(*args, **kwargs):
        raise OperationalError("no such table")

    monkeypatch.setattr(LayerApp, "save", fail)

    with pytest.raises(OperationalError, match="no such table"):
        admin_client.post(page_of(app), entered(name="Other"))


@pytest.mark.parametrize(
    "failure",
    [OperationalError("database is locked"), AppFrozen("The IDs cannot change.")],
    ids=["busy", "refused"],
)
def test_an_error_of_a_get_request_does_not_redirect(
    admin_client, app, monkeypatch, failure
):
    def fail(*args, **kwargs):
        raise failure

    monkeypatch.setattr(LayerAppAdmin, "get_object", fail)

    with pytest.raises(type(failure)):
        admin_client.get(page_of(app))
