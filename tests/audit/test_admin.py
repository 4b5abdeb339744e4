"""The audit trail in the admin: filters, chart, and no changes."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from django.contrib.auth.models import Permission, User
from django.utils.timezone import now
from pytest_django.asserts import assertContains, assertNotContains

from django_layer_identity.audit.models import AuditEntry
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
        '<td class="field-user_pk">17</td>',
        '<td class="field-impersonator_pk">18</td>',
        '<td class="field-short_app_id">production/aaaaaaaa…</td>',
        f'<td class="field-short_fingerprint">{"4f" * 8}…</td>',
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


def test_every_refusal_can_be_chosen(auditor):
    response = auditor.get(ENTRIES)

    for code in ("nonce_invalid", "throttled", "no_signing_key", "csrf_failed"):
        assertContains(response, f'href="?outcome={code}"')


def test_an_entry_is_shown_and_not_changed(auditor):
    one = entry(nonce_digest="ab" * 32)

    response = auditor.get(f"{ENTRIES}{one.pk}/change/")

    assertContains(response, "View audit entry")
    assertContains(response, "ab" * 32)
    assertNotContains(response, 'name="_save"')


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
    entry()
    with django_assert_max_num_queries(15) as few:
        auditor.get(ENTRIES)
    for _ in range(20):
        entry()

    with django_assert_num_queries(len(few)):
        auditor.get(ENTRIES)
