"""No page is called "Change" if nothing can be changed on it."""

from __future__ import annotations

import pytest
from pytest_django.asserts import assertContains

from django_layer_identity import ledger
from django_layer_identity.audit.models import AuditEntry
from django_layer_identity.models import LayerUser


@pytest.fixture
def layer_user(app, alice):
    ledger.import_user_id(app, alice, "alice")
    return LayerUser.objects.get()


@pytest.fixture
def audit_entry(db):
    return AuditEntry.objects.create(code="issued")


@pytest.mark.parametrize(
    ("name", "model", "called"),
    [
        ("app", "layer_identity/layerapp", "Layer app"),
        ("draft", "layer_identity/signingkey", "signing key"),
        ("layer_user", "layer_identity/layeruser", "Layer user"),
        ("audit_entry", "layer_identity_audit/auditentry", "audit entry"),
    ],
)
def test_staff_who_may_only_view_see_pages_called_view(
    request, staff, name, model, called
):
    seen = request.getfixturevalue(name)
    client = staff(f"view_{model.partition('/')[2]}")

    listed = client.get(f"/admin/{model}/")
    page = client.get(f"/admin/{model}/{seen.pk}/change/")

    assertContains(listed, f"<h1>Select {called} to view</h1>")
    assertContains(page, f"<h1>View {called}</h1>")


@pytest.mark.parametrize(
    ("name", "model", "called"),
    [
        ("layer_user", "layer_identity/layeruser", "Layer user"),
        ("audit_entry", "layer_identity_audit/auditentry", "audit entry"),
    ],
)
def test_read_only_pages_are_called_view_for_everybody(
    request, admin_client, name, model, called
):
    seen = request.getfixturevalue(name)

    page = admin_client.get(f"/admin/{model}/{seen.pk}/change/")

    assertContains(admin_client.get(f"/admin/{model}/"), f"Select {called} to view")
    assertContains(page, f"<h1>View {called}</h1>")
