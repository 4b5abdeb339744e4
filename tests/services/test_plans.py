"""Queries that must not take longer with more rows find theirs by an index."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command

from django_layer_identity.exceptions import AppIDRequired
from django_layer_identity.models import LayerUser
from django_layer_identity.models.issuing import get_for_issuing
from tests.growth import PLANS, fill, look_ups
from tests.services.plans import plan_of

pytestmark = [
    pytest.mark.service,
    # MariaDB counts rows for its plans only after they are committed.
    pytest.mark.django_db(databases="__all__", transaction=True),
]
TABLES = "layerapp", "signingkey", "layeruser", "audit_auditentry"


@pytest.fixture
def entry(database):
    """One of the entries of a ledger."""
    fill(apps=60, keys=2000, rows=2000)
    with database.cursor() as cursor:
        if database.vendor == "postgresql":
            cursor.execute("ANALYZE")
            # It reads a table of few pages, and the active keys of few apps, completely.
            cursor.execute("SET enable_seqscan = off")
            cursor.execute("SET enable_mergejoin = off")
        else:
            names = ", ".join(f"layer_identity_{name}" for name in TABLES)
            cursor.execute(f"ANALYZE TABLE {names}")
            cursor.fetchall()
    yield LayerUser.objects.select_related("app").get(user_id="user7")
    database.close()


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
def test_rows_are_found_by_an_index(entry, database):
    def read_without_app_id():
        with pytest.raises(AppIDRequired):
            get_for_issuing(None, entry.owner_id)

    def list_keys():
        app_id = str(entry.app.app_id)
        call_command("layer_key_list", app=app_id, json=True, stdout=StringIO())

    plans = {
        name: plan_of(database.alias, call) for name, call in look_ups(entry).items()
    }
    *apps, keys = plan_of(database.alias, list_keys)

    assert plans == PLANS
    assert PLANS["current entry of a user"][0] in plan_of(
        database.alias, read_without_app_id
    )
    assert apps == ["layer_identity_layerapp (app_id)", "layer_identity_layerapp (id)"]
    # MariaDB takes one of three indexes that begin with the app.
    assert keys.startswith("layer_identity_signingkey (app_id")
