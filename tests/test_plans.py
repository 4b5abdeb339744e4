"""Queries that must not take longer with more rows find theirs by an index, on SQLite."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command

from django_layer_identity.exceptions import AppIDRequired
from django_layer_identity.models import LayerUser
from django_layer_identity.models.issuing import get_for_issuing
from tests.growth import PLANS, fill, look_ups
from tests.services.plans import plan_of


@pytest.fixture
def entry(db):
    """One of the entries of a ledger."""
    fill(apps=3, keys=9, rows=30)
    return LayerUser.objects.select_related("app").get(user_id="user7")


@pytest.mark.parametrize("name", PLANS)
def test_rows_are_found_by_an_index(entry, name):
    assert plan_of("default", look_ups(entry)[name]) == PLANS[name]


def test_without_an_app_id_no_other_entries_and_keys_are_read(entry):
    def read():
        with pytest.raises(AppIDRequired):
            get_for_issuing(None, entry.owner_id)

    assert plan_of("default", read) == [
        "all of layer_identity_layerapp",  # it stops at the second app
        "layer_identity_layeruser (current_for_id, app_id)",
        "layer_identity_signingkey (active_for_id)",
    ]


def test_only_the_keys_of_the_app_are_listed(entry):
    def list_keys():
        app_id = str(entry.app.app_id)
        call_command("layer_key_list", app=app_id, json=True, stdout=StringIO())

    assert plan_of("default", list_keys) == [
        "layer_identity_layerapp (app_id)",
        "layer_identity_layerapp (id)",
        "layer_identity_signingkey (app_id)",
    ]


def test_a_query_that_reads_a_complete_table_is_found(entry):
    assert plan_of("default", lambda: list(LayerUser.objects.all())) == [
        "all of layer_identity_layeruser"
    ]
