"""The front page of the app: each Layer app at a glance, and the button that helps."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib.admin import AdminSite, ModelAdmin
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.urls import include, path
from django.utils.timezone import now
from pytest_django.asserts import assertContains, assertNotContains

from django_layer_identity.admin.apps import LayerAppAdmin
from django_layer_identity.admin.overview import count_users
from django_layer_identity.audit.models import AuditEntry
from django_layer_identity.models import LayerApp, LayerUser, SigningKey
from tests import internals
from tests.conftest import APP_ID

PAGE = "/admin/layer_identity/"
ADD_KEY = "/admin/layer_identity/signingkey/add/"
APP = f"layer:///apps/production/{APP_ID}"
VIEW_ALL = ("view_layerapp", "view_signingkey", "view_layeruser", "view_auditentry")


def create_app(name="Other", **more):
    ids = {"app_id": uuid4(), "provider_id": uuid4()}
    return LayerApp.objects.create(name=name, **ids, **more)


def create_entries(app, count):
    LayerUser.objects.bulk_create(
        LayerUser(app=app, user_id=f"{n}", digest=f"{n:064}") for n in range(count)
    )


def page_of(key):
    return f"/admin/layer_identity/signingkey/{key.pk}/change/"


def cells_of(response):
    """Return the texts of the cells of the first Layer app."""
    overview = response.context["overview"]
    row = overview.rows[0]
    return row.app.name, row.users, row.issued, row.refused


def messages_of(response):
    return [finding.message for finding in response.context["overview"].findings]


# What is shown


def test_each_app_is_shown_with_its_key_and_its_users(admin_client, key):
    SigningKey.objects.update(created_at=now() - timedelta(days=21))
    create_entries(key.app, 3)
    create_app()

    page = admin_client.get(PAGE)

    assert cells_of(page) == ("Messenger", 3, 0, 0)
    assertContains(page, f'href="/admin/layer_identity/layerapp/{key.app.pk}/change/"')
    assertContains(page, f'href="{page_of(key)}"')
    assertContains(page, "<td>3\xa0weeks</td>", html=True)
    assertContains(page, "<td>3</td>", html=True)
    assertContains(page, "no active key")


def test_a_disabled_app_says_so(admin_client, app):
    assertNotContains(admin_client.get(PAGE), ">app disabled</span>")
    LayerApp.objects.update(enabled=False)

    assertContains(admin_client.get(PAGE), ">app disabled</span>")


def test_issued_and_refused_tokens_of_the_last_day_are_counted(admin_client, app):
    for code in ("issued", "issued", "throttled"):
        AuditEntry.objects.create(code=code, app_id=APP)
    AuditEntry.objects.create(code="issued")
    old = now() - timedelta(days=2)
    AuditEntry.objects.create(code="issued", app_id=APP, created_at=old)

    page = admin_client.get(PAGE)

    assert cells_of(page) == ("Messenger", 0, 2, 1)
    assert page.context["overview"].chart["issued"] == 3
    assertContains(page, '<figure class="layer-chart">')


def test_what_the_doctor_finds_is_shown_with_a_hint(admin_client, app):
    page = admin_client.get(PAGE)

    assert messages_of(page)[0] == (
        "Messenger has no active signing key: its users get no identity tokens."
    )
    assertContains(
        page, "Generate a key (layer_key_generate) or import one (layer_key_import)"
    )
    assertContains(page, "<strong>Error:</strong>")
    assertContains(page, "<strong>Warning:</strong>")
    assertNotContains(page, "All migrations are applied.")


def test_a_large_ledger_is_not_counted_completely(admin_client, app, monkeypatch):
    monkeypatch.setattr(internals.OVERVIEW_MAX_COUNT, 2)
    create_entries(app, 5)
    create_entries(create_app(), 2)

    page = admin_client.get(PAGE)

    assert [row.users for row in page.context["overview"].rows] == [3, 2]
    assertContains(page, "<td>more than 2</td>", html=True)
    assertContains(page, "<td>2</td>", html=True)


def test_users_are_counted_by_an_index_alone(app, monkeypatch):
    monkeypatch.setattr(internals.OVERVIEW_MAX_COUNT, 2)
    create_entries(app, 3)
    with CaptureQueriesContext(connection) as queries:
        count_users()

    for query in queries.captured_queries:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {query['sql']}")
            plan = " ".join(row[-1] for row in cursor.fetchall())
        assert "USING COVERING INDEX" in plan
        assert "(app_id=?)" in plan


def test_more_apps_need_no_more_queries(admin_client, key, draft):
    def count_queries():
        with CaptureQueriesContext(connection) as queries:
            assert admin_client.get(PAGE).status_code == 200
        return len(queries)

    draft_of(create_app())
    few = count_queries()
    for number in range(5):
        app = create_app(f"App {number}")
        create_entries(app, 3)
        AuditEntry.objects.create(code="issued", app_id=str(app.identifier))
        draft_of(app)

    assert count_queries() == few


def draft_of(app):
    fields = {"public_key": "", "bits": 2048, "fingerprint": app.app_id.hex}
    return SigningKey.objects.create(app=app, **fields)


# The button that helps


def test_without_an_app_the_button_adds_one(admin_client, db):
    page = admin_client.get(PAGE)

    assertContains(page, "There is no Layer app yet: nobody gets identity tokens.")
    assertContains(page, 'class="button" href="/admin/layer_identity/layerapp/add/"')


def test_without_a_key_the_button_imports_one(admin_client, app):
    assertContains(admin_client.get(PAGE), f'href="{ADD_KEY}?app={app.pk}"')


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("draft", "Continue with a draft key"),
        ("ready", "Activate a key"),
        ("only_retired", "Activate a retired key again"),
    ],
)
def test_the_button_opens_the_key_that_can_be_activated(
    request, admin_client, name, label
):
    key = request.getfixturevalue(name)

    page = admin_client.get(PAGE)

    assertContains(page, f'class="button" href="{page_of(key)}">{label}<')
    assertNotContains(page, f"{ADD_KEY}?app=")


@pytest.fixture
def only_retired(key):
    key.retire()
    return key


def test_a_ready_key_is_preferred_to_a_retired_key(admin_client, only_retired, ready):
    page = admin_client.get(PAGE)

    assert page.context["overview"].rows[0].candidate == ready


@pytest.mark.parametrize("name", ["revoked_draft", "only_destroyed"])
def test_a_key_that_can_never_be_active_is_not_offered(request, admin_client, name):
    key = request.getfixturevalue(name)

    page = admin_client.get(PAGE)

    assertNotContains(page, f'class="button" href="{page_of(key)}"')
    assertContains(page, f'href="{ADD_KEY}?app={key.app.pk}"')


@pytest.fixture
def only_destroyed(only_retired):
    only_retired.destroy_private_key()
    return only_retired


def test_an_active_key_that_cannot_be_decrypted_needs_a_new_one(
    settings, admin_client, key
):
    own = {"KEY_ENCRYPTION_KEYS": ["another entry, also longer than 32 characters"]}
    settings.LAYER_IDENTITY = {**settings.LAYER_IDENTITY, **own}

    assertContains(
        admin_client.get(PAGE), f'href="{ADD_KEY}?app={key.app.pk}&amp;source=import"'
    )


def test_a_key_that_cannot_be_decrypted_is_not_offered(settings, admin_client, ready):
    own = {"KEY_ENCRYPTION_KEYS": ["another entry, also longer than 32 characters"]}
    settings.LAYER_IDENTITY = {**settings.LAYER_IDENTITY, **own}

    page = admin_client.get(PAGE)

    assertNotContains(page, f'class="button" href="{page_of(ready)}"')


def test_an_app_with_an_active_key_has_no_button(admin_client, key, ready):
    page = admin_client.get(PAGE)

    assertNotContains(page, f'class="button" href="{page_of(ready)}"')
    assertNotContains(page, f"{ADD_KEY}?app=")


def test_a_disabled_app_has_no_button(admin_client, app):
    LayerApp.objects.update(enabled=False)

    assertNotContains(admin_client.get(PAGE), f"{ADD_KEY}?app=")


# Permissions


def test_staff_who_may_only_view_apps_see_nothing_else(staff, key):
    create_entries(key.app, 3)
    page = staff("view_layerapp").get(PAGE)

    assert cells_of(page) == ("Messenger", None, None, None)
    assert messages_of(page) == []
    for text in ("Age of the key", "Layer users", "layer-chart"):
        assertNotContains(page, text)
    assertNotContains(page, str(key.key_id)[:8])
    assertNotContains(page, 'class="button"')


def test_staff_who_may_view_everything_have_no_buttons(staff, app, draft):
    page = staff(*VIEW_ALL).get(PAGE)

    assert cells_of(page) == ("Messenger", 0, 0, 0)
    assertNotContains(page, 'class="button"')


@pytest.mark.parametrize(
    ("name", "permission"),
    [("draft", "change_signingkey"), ("ready", "activate_signingkey")],
)
def test_a_key_is_offered_only_with_the_permission(request, staff, name, permission):
    key = request.getfixturevalue(name)
    client = staff("view_layerapp", "view_signingkey", permission)

    assertContains(client.get(PAGE), f'class="button" href="{page_of(key)}"')


def test_a_key_is_imported_only_with_the_permission(staff, app):
    client = staff("view_layerapp", "view_signingkey", "add_signingkey")

    assertContains(client.get(PAGE), f'href="{ADD_KEY}?app={app.pk}"')


def test_staff_who_may_not_view_apps_see_no_overview(staff, key):
    page = staff("view_signingkey").get(PAGE)

    assertNotContains(page, "layer-overview")
    assertNotContains(page, "Messenger")


def test_refusals_are_for_those_who_may_view_the_audit_trail(staff, key):
    AuditEntry.objects.create(code="throttled", app_id=APP)
    text = "throttled: 1 refused in the last hour."
    client = staff("view_layerapp", "view_signingkey")

    assert text not in messages_of(client.get(PAGE))


def test_refusals_are_shown_to_those_who_may_view_the_audit_trail(staff, key):
    AuditEntry.objects.create(code="throttled", app_id=APP)

    page = staff(*VIEW_ALL).get(PAGE)

    assert "throttled: 1 refused in the last hour." in messages_of(page)


@pytest.mark.parametrize(
    ("permission", "label"),
    [
        ("try_identity_token", "Try an identity token"),
        ("explain_identity_token", "Explain an identity token"),
    ],
)
def test_the_links_to_the_token_pages_need_their_permissions(staff, permission, label):
    page = staff("view_layerapp", permission).get(PAGE)

    assertContains(page, f">{label}</a>")
    assertContains(page, 'class="button"', count=1)


# Other installations


def test_without_the_audit_trail_nothing_is_counted(admin_client, app, monkeypatch):
    is_installed = apps.is_installed
    monkeypatch.setattr(
        apps, "is_installed", lambda name: "audit" not in name and is_installed(name)
    )

    page = admin_client.get(PAGE)

    assert page.context["overview"].chart is None
    assertNotContains(page, "Issued in 24 hours")


def test_a_failing_check_does_not_hide_the_page(admin_client, key, monkeypatch):
    def fail(*args, **kwargs):
        raise OperationalError("no such table")

    monkeypatch.setattr(internals.OVERVIEW_CHECKS, fail)

    page = admin_client.get(PAGE)

    assert messages_of(page) == ["The database failed: no such table"]
    assert cells_of(page) == ("Messenger", 0, 0, 0)


def test_a_failing_query_does_not_hide_the_page(admin_client, key, monkeypatch):
    def fail(*args, **kwargs):
        raise OperationalError("no such table")

    monkeypatch.setattr(internals.OVERVIEW_COUNT, fail)

    assertContains(admin_client.get(PAGE), "The Layer apps cannot be shown")


class PlainSite:
    """A second admin site, with a Layer app admin of the project and no keys."""

    second = AdminSite("second")
    second.register(LayerApp, ModelAdmin)
    urlpatterns = [path("second/", second.urls), path("", include("tests.urls"))]


class SecondSite:
    """A second admin site without signing keys."""

    second = AdminSite("second")
    second.register(LayerApp, LayerAppAdmin)
    urlpatterns = [path("second/", second.urls), path("", include("tests.urls"))]


def test_a_second_site_shows_only_what_is_registered_there(settings, admin_client, key):
    settings.ROOT_URLCONF = SecondSite

    page = admin_client.get("/second/layer_identity/")

    assert cells_of(page) == ("Messenger", None, None, None)
    assertContains(page, 'href="/second/layer_identity/layerapp/try/"')
    assertContains(page, f'href="/second/layer_identity/layerapp/{key.app.pk}/change/"')
    assertNotContains(page, 'href="/admin/')


def test_a_site_with_another_admin_for_apps_has_no_token_pages(
    settings, admin_client, key
):
    settings.ROOT_URLCONF = PlainSite

    page = admin_client.get("/second/layer_identity/")

    assertContains(page, "layer-overview")
    assertNotContains(page, 'class="button"')


def test_the_page_needs_no_inline_code(admin_client, key):
    content = admin_client.get(PAGE).content.decode()

    assert "<script>" not in content
    assert " style=" not in content
