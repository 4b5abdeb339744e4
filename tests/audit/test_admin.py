"""The audit trail in the admin: filters, chart, and no changes."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.html import strip_tags
from django.utils.timezone import now
from pytest_django.asserts import assertContains, assertNotContains

from django_layer_identity.audit.models import AuditEntry
from django_layer_identity.exceptions import Refusal
from tests import internals
from tests.conftest import APP_ID

ENTRIES = "/admin/layer_identity_audit/auditentry/"
APP = f"layer:///apps/production/{APP_ID}"


@pytest.fixture
def auditor(db, client):
    """A client of staff who may only view the audit trail."""
    user = User.objects.create_user("auditor", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_auditentry"))
    client.force_login(user)
    return client


def entry(code="issued", **fields):
    return AuditEntry.objects.create(code=code, **fields)


def listed(client, **query):
    """Return the outcomes on the list, newest first."""
    response = client.get(ENTRIES, query)
    return [entry.code for entry in response.context["cl"].result_list]


def test_the_newest_entry_is_first(auditor):
    entry("parse_error")
    entry("issued")

    assert listed(auditor) == ["issued", "parse_error"]


def test_the_list_shows_the_recorded_values(auditor):
    entry(
        user_pk="17",
        impersonator_pk="18",
        app_id=APP,
        fingerprint="4f" * 32,
        address="192.0.2.7",
    )

    response = auditor.get(ENTRIES)

    for cell in (
        '<span class="layer-state layer-issued">issued</span>',
        '<td class="field-user_or_impersonated_user">17, impersonated by 18</td>',
        '<td class="field-short_app_id">production/<wbr>aaaaaaaa…</td>',
        '<td class="field-short_fingerprint">4f4f4f4f…</td>',
        '<td class="field-address">192.0.2.7</td>',
    ):
        assertContains(response, cell, html=True)


@pytest.mark.parametrize(
    ("query", "outcomes"),
    [
        ({"outcome": "issued"}, ["issued"]),
        ({"outcome": "refused"}, ["throttled", "parse_error"]),
        ({"outcome": "throttled"}, ["throttled"]),
        ({"app_id": APP}, ["issued"]),
        ({"q": "17"}, ["issued"]),
        ({"q": "18"}, ["throttled"]),
        ({"q": "1"}, []),
        ({"q": "192.0.2.7"}, ["parse_error"]),
        ({"q": "ab" * 32}, ["throttled"]),
        ({"user_pk": "17"}, ["issued"]),
        ({"created_at__gte": "2020-01-01 00:00:00+00:00"}, ["issued", "throttled"]),
        ({"created_at__year": "2019"}, ["parse_error"]),
    ],
    ids=str,
)
def test_entries_are_filtered(auditor, app, query, outcomes):
    entry(
        "parse_error",
        address="192.0.2.7",
        created_at=datetime(2019, 5, 5, tzinfo=timezone.utc),
    )
    entry("throttled", nonce_digest="ab" * 32, impersonator_pk="18")
    entry("issued", user_pk="17", app_id=APP)

    assert listed(auditor, **query) == outcomes


def test_entries_are_filtered_by_key(auditor, key):
    entry(fingerprint=key.fingerprint)
    entry("throttled")

    assert listed(auditor, fingerprint=key.fingerprint) == ["issued"]
    assertContains(auditor.get(ENTRIES), f"{key.fingerprint[:16]}…")


def choices(client, name, **query):
    """Return the choices of a filter except “All”, or None if it is not shown."""
    changelist = client.get(ENTRIES, query).context["cl"]
    for filter in changelist.filter_specs:
        if getattr(filter, "parameter_name", None) == name:
            return [choice["display"] for choice in filter.choices(changelist)][1:]
    return None


def test_the_filters_list_only_what_occurs(auditor, app, key):
    other = f"layer:///apps/staging/{'b' * 8}-0000-4000-8000-000000000001"
    for fields in (
        {"app_id": APP, "fingerprint": key.fingerprint},
        {"code": "user_id_taken", "app_id": APP},
        {"code": "csrf_failed", "app_id": other},
        {"code": "unpaid"},  # of the project
    ):
        entry(**fields)

    assert choices(auditor, "outcome") == [
        "issued",
        "refused (any reason)",
        "CSRF failed",
        "unpaid",
        "user ID taken",
    ]
    assert choices(auditor, "app_id") == [app.name, "staging/bbbbbbbb…"]
    assert choices(auditor, "fingerprint") == [f"{key.fingerprint[:16]}…"]


def test_without_refusals_none_can_be_chosen(auditor):
    entry()

    assert choices(auditor, "outcome") == ["issued"]
    assert choices(auditor, "app_id") is None


def test_a_filter_whose_value_does_not_occur_is_not_ignored(auditor):
    entry()

    assert listed(auditor, app_id=APP) == []
    assert choices(auditor, "app_id", app_id=APP) == ["production/aaaaaaaa…"]
    assert listed(auditor, outcome="refused") == []
    assert choices(auditor, "outcome", outcome="refused") == [
        "issued",
        "refused (any reason)",
    ]


@pytest.fixture(params=[{"sqlite"}, set()], ids=["recursive", "distinct"])
def _kind_of_query(request, monkeypatch):
    """Find the values with the query for SQLite, and with that for other databases."""
    monkeypatch.setattr(internals.RECURSIVE_QUERIES, request.param)


@pytest.mark.usefixtures("_kind_of_query")
def test_the_choices_of_a_filter_cost_one_query(db, django_assert_num_queries):
    for code in ["issued", "throttled", "", "nonce_missing"] * 50:
        entry(code)

    with django_assert_num_queries(1):
        codes = AuditEntry.objects.occurring("code")

    assert codes == ["issued", "nonce_missing", "throttled"]


@pytest.mark.usefixtures("_kind_of_query")
def test_the_choices_of_a_filter_are_those_of_the_entries_that_staff_may_see(db):
    entry("issued", user_pk="17", address="192.0.2.7")
    entry("throttled", user_pk="18", address="192.0.2.7")
    entry("unpaid", user_pk="17")

    seen = AuditEntry.objects.filter(user_pk="17", address="192.0.2.7")

    assert seen.occurring("code") == ["issued"]
    assert AuditEntry.objects.none().occurring("code") == []


@pytest.mark.usefixtures("_kind_of_query")
def test_the_choices_of_a_filter_are_limited(db, monkeypatch):
    monkeypatch.setattr(internals.CHOICE_LIMIT, 3)
    for number in range(5):
        entry(fingerprint=f"{number:064}")

    found = AuditEntry.objects.occurring("fingerprint")

    assert found == [f"{number:064}" for number in range(3)]


@pytest.mark.parametrize("column", ["code", "app_id", "fingerprint"])
def test_the_values_that_occur_are_looked_up_in_an_index(db, column):
    entry(**{column: "x"})

    with CaptureQueriesContext(connection) as captured:
        AuditEntry.objects.occurring(column)

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {captured[0]['sql']}")
        steps = [detail for *_, detail in cursor.fetchall()]
    lookups = [step for step in steps if "layer_identity_audit" in step]
    assert len(lookups) == 2
    for step in lookups:
        assert re.fullmatch(
            rf"SEARCH \w+ USING COVERING INDEX layer_audit_\w+ \({column}>\?\)", step
        )


def test_an_entry_is_shown_and_not_changed(auditor):
    one = entry(nonce_digest="ab" * 32)

    response = auditor.get(f"{ENTRIES}{one.pk}/change/")

    assertContains(response, "View audit entry")
    assertContains(response, "ab" * 32)
    assertNotContains(response, 'name="_save"')


def shown(client, one):
    """Return the text of each row on an entry's page."""
    page = client.get(f"{ENTRIES}{one.pk}/change/").content.decode()
    rows = re.findall(
        r'form-row field-(\w+)">.*?<div class="readonly">(.*?)</div>', page, re.DOTALL
    )
    return dict(rows)


def test_an_entry_says_what_its_refusal_means_and_what_to_do(auditor):
    rows = shown(auditor, entry("no_signing_key"))

    assert rows["explained_outcome"] == (
        '<span class="layer-state layer-refused">no signing key</span> '
        "Identity tokens cannot be signed at the moment. Try again later."
    )
    assert rows["advice"] == (
        "The Layer app has no active signing key, so its users get no tokens. "
        "Activate a key in the admin or with layer_key_activate."
    )
    assert rows["code"] == "no_signing_key"


def test_an_entry_of_an_issued_token_has_no_advice(auditor):
    rows = shown(auditor, entry())

    assert rows["explained_outcome"] == (
        '<span class="layer-state layer-issued">issued</span> '
    )
    assert "advice" not in rows


def test_an_entry_without_a_user_has_no_link_to_refusals(auditor):
    rows = shown(auditor, entry("not_authenticated", user_pk=""))

    assert "refusals" not in rows


def test_an_entry_of_a_code_of_the_project_is_shown(auditor):
    rows = shown(auditor, entry("unpaid_bill"))

    assert rows["explained_outcome"] == (
        '<span class="layer-state layer-refused">unpaid bill</span> '
    )
    assert "advice" not in rows


def test_a_code_of_a_refusal_of_the_project_has_its_texts(auditor):
    class Unpaid(Refusal):
        code, detail, advice = "unpaid", "Pay the bill.", "The bill is not paid."

    rows = shown(auditor, entry("unpaid"))

    assert rows["explained_outcome"].endswith(" Pay the bill.")
    assert rows["advice"] == "The bill is not paid."


def times(client):
    """Return the column with times, newest first."""
    page = client.get(ENTRIES).content.decode()
    cells = re.findall(r'<th class="field-time">(.*?)</th>', page)
    return [strip_tags(cell) for cell in cells]


@pytest.mark.parametrize(
    ("zone", "time"),
    [("UTC", "2026-11-25 14:30:07"), ("Asia/Kolkata", "2026-11-25 20:00:07")],
)
def test_the_time_has_seconds(settings, auditor, zone, time):
    settings.TIME_ZONE = zone
    one = entry(created_at=datetime(2026, 11, 25, 14, 30, 7, tzinfo=timezone.utc))

    assert times(auditor) == [time]
    assert strip_tags(shown(auditor, one)["time"]) == time


def test_the_time_has_seconds_without_time_zones(settings, auditor):
    settings.USE_TZ = False
    entry(created_at=datetime(2026, 11, 25, 14, 30, 7))

    assert times(auditor) == ["2026-11-25 14:30:07"]


def users_of(client, **query):
    """Return the column with users, newest entry first."""
    page = client.get(ENTRIES, query).content.decode()
    return re.findall(r'field-user_or_impersonated_user">(.*?)</td>', page)


def test_users_and_impersonators_are_shown_by_name(auditor, alice):
    bob = User.objects.create_user("b<o>b")
    entry(user_pk=str(alice.pk))
    one = entry(user_pk=str(bob.pk), impersonator_pk=str(alice.pk))

    assert users_of(auditor) == ["b&lt;o&gt;b, impersonated by alice", "alice"]
    rows = shown(auditor, one)
    assert (rows["user"], rows["impersonator"]) == ("b&lt;o&gt;b", "alice")
    assert rows["user_pk"] == str(bob.pk)


def test_a_name_links_to_the_page_of_the_user_for_staff_who_may_view_users(
    auditor, alice
):
    one = entry(user_pk=str(alice.pk))
    permission = Permission.objects.get(codename="view_user")
    User.objects.get(username="auditor").user_permissions.add(permission)

    link = f'<a href="/admin/auth/user/{alice.pk}/change/">alice</a>'
    assert users_of(auditor) == [link]
    assert shown(auditor, one)["user"] == link
    assert auditor.get(f"/admin/auth/user/{alice.pk}/change/").status_code == 200


def test_without_an_admin_page_for_users_names_have_no_links(
    monkeypatch, admin_client, alice
):
    monkeypatch.delitem(admin.site._registry, User)
    entry(user_pk=str(alice.pk))

    assert users_of(admin_client) == ["alice"]


def test_a_user_without_a_name_is_shown_by_primary_key(auditor):
    entry(user_pk=str(User.objects.create(username="").pk))

    assert users_of(auditor) == [AuditEntry.objects.get().user_pk]


@pytest.mark.parametrize("pk", ["4711", "x", "9" * 40, "-1", "1.5", "'"])
def test_an_unknown_primary_key_is_shown_as_it_is(auditor, pk):
    one = entry(user_pk=pk, impersonator_pk=pk)

    quoted = pk.replace("'", "&#x27;")
    assert users_of(auditor) == [f"{quoted}, impersonated by {quoted}"]
    assert shown(auditor, one)["user"] == quoted


def test_a_deleted_user_is_shown_by_primary_key(auditor, alice):
    pk = str(alice.pk)
    entry(user_pk=pk)
    alice.delete()

    assert users_of(auditor) == [pk]


@pytest.mark.parametrize("role", ["user_pk", "impersonator_pk"])
def test_the_search_finds_a_user_by_name(auditor, alice, role):
    entry("throttled", **{role: str(alice.pk)})
    entry("issued", user_pk="4711")

    assert listed(auditor, q="alice") == ["throttled"]
    assert listed(auditor, q="alic") == []


def test_a_name_with_spaces_is_found(auditor):
    user = User.objects.create_user("Alice Smith")
    entry(user_pk=str(user.pk))

    assert listed(auditor, q="Alice Smith") == ["issued"]


def test_a_search_for_a_name_that_cannot_be_one_finds_other_values(
    settings, auditor, monkeypatch
):
    monkeypatch.setattr(User, "USERNAME_FIELD", "id")  # a number
    entry(address="192.0.2.7")

    assert listed(auditor, q="192.0.2.7") == ["issued"]


def test_why_alice_takes_one_search_and_one_click(auditor, alice):
    pk = str(alice.pk)
    for code in ("issued", "user_id_taken", "no_signing_key"):
        entry(code, user_pk=pk)
    entry("nonce_missing", user_pk="4711")

    found = auditor.get(ENTRIES, {"q": "alice"})

    [newest, *_] = found.context["cl"].result_list
    assertContains(found, ">no signing key</span>")
    rows = shown(auditor, newest)
    assert "Activate a key in the admin" in rows["advice"]
    link = f"{ENTRIES}?user_pk={pk}&amp;outcome=refused"
    assert link in rows["refusals"]
    assert listed(auditor, user_pk=pk, outcome="refused") == [
        "no_signing_key",
        "user_id_taken",
    ]


@pytest.mark.parametrize(
    "url", ["add/", "{0}/delete/", "{0}/change/"], ids=["add", "delete", "change"]
)
def test_a_superuser_cannot_change_the_audit_trail(admin_client, url):
    one = entry()

    response = admin_client.post(f"{ENTRIES}{url.format(one.pk)}", {"post": "yes"})

    assert response.status_code == 403
    assert AuditEntry.objects.get() == one


def test_the_audit_trail_has_no_actions(admin_client):
    one = entry()

    posted = {"action": "delete_selected", "_selected_action": [one.pk], "post": "yes"}
    admin_client.post(ENTRIES, posted)

    assertNotContains(admin_client.get(ENTRIES), "delete_selected")
    assert AuditEntry.objects.get() == one


def test_an_entry_that_does_not_exist_redirects(auditor):
    assert auditor.get(f"{ENTRIES}4711/change/").status_code == 302


def test_staff_without_the_permission_get_403(auditor):
    User.objects.get().user_permissions.clear()

    assert auditor.get(ENTRIES).status_code == 403


def test_an_invalid_filter_redirects(auditor):
    assert auditor.get(ENTRIES, {"created_at__gte": "yesterday"}).status_code == 302


def test_the_chart_counts_the_filtered_entries(auditor):
    for code in ("issued", "issued", "throttled"):
        entry(code, user_pk="17")
    entry("issued", user_pk="18")
    entry("issued", user_pk="17", created_at=now() - timedelta(days=2))

    chart = auditor.get(ENTRIES, {"user_pk": "17"}).context["chart"]

    assert (chart["issued"], chart["refused"], chart["most"]) == (2, 1, 3)


def test_the_chart_is_readable_without_sight_and_without_colours(auditor):
    entry("throttled")

    response = auditor.get(ENTRIES)

    assertContains(response, 'role="img" aria-labelledby="layer-chart-title"')
    assertContains(response, "<title>", count=24 + 1)
    assertContains(response, '<th scope="row">', count=24)
    assertContains(response, 'id="layer-hatch"')


def test_the_number_of_queries_does_not_grow_with_the_list(
    auditor, django_assert_num_queries, django_assert_max_num_queries
):
    entry(user_pk=str(User.objects.get().pk))
    with django_assert_max_num_queries(15) as few:
        auditor.get(ENTRIES)
    for number in range(99):
        user = User.objects.create(username=f"user {number}")
        entry(user_pk=str(user.pk), impersonator_pk=str(user.pk + 1))

    with django_assert_num_queries(len(few)):
        auditor.get(ENTRIES)
