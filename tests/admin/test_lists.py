"""The lists: filters, searches, and the number of queries."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from django.contrib.auth.models import User

from django_layer_identity.audit.models import AuditEntry
from django_layer_identity.models import LayerApp, LayerUser, SigningKey
from tests.admin.pages import KEYS
from tests.conftest import KEY_ID, PROVIDER_ID
from tests.key_pairs import load_private_key

APPS = "/admin/layer_identity/layerapp/"
FRONT = "/admin/layer_identity/"
USERS = "/admin/layer_identity/layeruser/"
AUDIT = "/admin/layer_identity_audit/auditentry/"
STATES = ["draft", "ready", "active", "retired", "revoked"]
OTHER_APP_ID = UUID("aaaaaaaa-0000-4000-8000-00000000000f")


@pytest.fixture
def keys(key):
    """A key in each state; the state is the key of the dictionary."""
    rows = {"active": key}
    for number, state in enumerate(["draft", "ready", "retired", "revoked"]):
        row = SigningKey.objects.get(pk=key.pk)
        row.pk, row.active_for, row.fingerprint = None, None, f"{number:064}"
        time = row.activated_at
        row.key_id = None if state == "draft" else UUID(int=number)
        row.tested_at = None if state == "draft" else time
        row.retired_at = time if state in ("retired", "revoked") else None
        row.revoked_at = time if state == "revoked" else None
        if state == "revoked":
            row.encrypted_private_key = ""
        rows[state] = row
    SigningKey.objects.bulk_create(row for row in rows.values() if row.pk is None)
    return rows


@pytest.fixture
def other(db, private_key) -> SigningKey:
    """A key of another app."""
    app = LayerApp.objects.create(
        name="Chat for shops",
        app_id=OTHER_APP_ID,
        environment="staging",
        provider_id=PROVIDER_ID,
    )
    key = SigningKey.from_private_key(app, load_private_key("third"))
    key.save()
    return key


def found(client, address, **query):
    """Return the rows that the list shows."""
    return sorted(client.get(address, query).context["cl"].result_list, key=str)


@pytest.mark.parametrize("state", STATES)
def test_keys_are_filtered_by_state(admin_client, keys, state):
    assert found(admin_client, KEYS, state=state) == [keys[state]]
    assert keys[state].state == state


def test_the_state_filter_counts_the_keys_of_each_state(admin_client, keys, draft):
    page = admin_client.get(KEYS, {"_facets": "True"}).content.decode()

    [counts] = re.findall(r'data-filter-title="state"(.+?)</details>', page, re.DOTALL)
    assert re.findall(r"(\w+) \((\d+)\)", counts) == [
        ("draft", "2"),
        ("ready", "1"),
        ("active", "1"),
        ("retired", "1"),
        ("revoked", "1"),
    ]


def test_an_unknown_state_filters_nothing(admin_client, keys):
    assert len(found(admin_client, KEYS, state="lost")) == 5


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda digits: digits, id="complete"),
        pytest.param(lambda digits: digits[:5], id="first digits"),
        pytest.param(lambda digits: digits.upper(), id="upper case"),
        pytest.param(
            lambda digits: " ".join(re.findall("....", digits)), id="as displayed"
        ),
        pytest.param(
            lambda digits: f"\t{digits[:4]} {digits[4:8]} ".upper(), id="two groups"
        ),
    ],
)
def test_keys_are_searched_by_fingerprint(admin_client, key, other, change):
    assert found(admin_client, KEYS, q=change(key.fingerprint)) == [key]


@pytest.mark.parametrize("form", ["{}", "layer:///keys/{}", " {} "])
def test_keys_are_searched_by_key_id(admin_client, key, other, form):
    assert found(admin_client, KEYS, q=form.format(KEY_ID)) == [key]


APP_SEARCHES = pytest.mark.parametrize(
    "text",
    [
        pytest.param("Chat for shops", id="name"),
        pytest.param(str(OTHER_APP_ID), id="app ID"),
        pytest.param(str(OTHER_APP_ID).upper(), id="app ID in upper case"),
        pytest.param(f" layer:///apps/staging/{OTHER_APP_ID} ", id="prefixed app ID"),
    ],
)


@APP_SEARCHES
def test_keys_are_searched_by_app(admin_client, key, other, text):
    assert found(admin_client, KEYS, q=text) == [other]


@APP_SEARCHES
def test_apps_are_searched_by_name_and_app_id(admin_client, app, other, text):
    assert found(admin_client, APPS, q=text) == [other.app]


@APP_SEARCHES
def test_layer_users_are_searched_by_app(admin_client, app, other, alice, text):
    for one in (app, other.app):
        user = User.objects.create_user(f"user of {one.pk}")
        LayerUser.objects.create(app=one, owner=user, user_id=f"id {one.pk}")

    assert [row.app for row in found(admin_client, USERS, q=text)] == [other.app]


@pytest.mark.parametrize("address", [KEYS, APPS])
def test_a_part_of_an_app_name_is_enough(admin_client, key, other, address):
    assert len(found(admin_client, address, q="shop")) == 1


@pytest.mark.parametrize("address", [KEYS, APPS])
def test_an_app_id_with_another_environment_finds_nothing(
    admin_client, key, other, address
):
    text = f"layer:///apps/production/{OTHER_APP_ID}"

    assert found(admin_client, address, q=text) == []


@pytest.mark.parametrize("address", [KEYS, APPS])
def test_other_text_finds_nothing(admin_client, key, address):
    assert found(admin_client, address, q="no such thing") == []


def test_apps_are_filtered_by_environment(admin_client, app, other):
    assert found(admin_client, APPS, environment__exact="production") == [app]


def add_rows(first, last):
    """Create an app, a key, a user and an audit entry for each number."""
    for number in range(first, last):
        app = LayerApp.objects.create(
            name=f"App {number}", app_id=UUID(int=number), provider_id=PROVIDER_ID
        )
        key = SigningKey.from_private_key(app, load_private_key("third"), key_id=KEY_ID)
        key.save()
        key.activate()
        user = User.objects.create_user(f"user {number}")
        LayerUser.objects.create(app=app, owner=user, user_id=f"id {number}")
        AuditEntry.objects.create(
            code=f"code {number}",
            user_pk=user.pk,
            app_id=str(app.identifier),
            fingerprint=f"{number:064}",
        )


@pytest.mark.parametrize(
    ("address", "queries"),
    [(FRONT, 15), (KEYS, 6), (APPS, 6), (USERS, 5), (AUDIT, 12)],
    ids=["front page", "keys", "apps", "users", "audit"],
)
def test_a_page_with_30_rows_needs_no_more_queries_than_one_with_3(
    admin_client, django_assert_num_queries, address, queries
):
    for first, last in ((1, 4), (4, 31)):
        add_rows(first, last)
        with django_assert_num_queries(queries):
            context = admin_client.get(address).context
        rows = (
            context["overview"].rows if address == FRONT else context["cl"].result_list
        )
        assert len(rows) == last - 1
