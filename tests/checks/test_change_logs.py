"""Packages that copy our models. ``tests/change_logs`` tests two of them for real."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib import admin
from django.core.checks import Warning

from django_layer_identity.models import LayerUser, SigningKey
from tests.checks import found

NO_SETTING = "remove the code that registers models of layer_identity with it"


def warning(name, remedy=NO_SETTING):
    return Warning(
        "Encrypted private keys and the Layer user IDs of deleted users are copied by: "
        f"{name}.",
        hint=f"{name}: {remedy}",
        id="layer_identity.W051",
    )


@pytest.fixture
def install(monkeypatch):
    """Return a function that makes the check find an app and its modules."""

    def install(app, **modules):
        monkeypatch.setattr(apps, "is_installed", lambda name: name == app)
        for name, contents in modules.items():
            path = f"{app}.{name}" if name != app else app
            monkeypatch.setitem(sys.modules, path, SimpleNamespace(**contents))

    return install


@pytest.mark.parametrize("model", [SigningKey, LayerUser])
def test_a_model_registered_with_auditlog_is_reported(settings, install, model):
    registry = []
    contains = SimpleNamespace(contains=registry.__contains__)
    install("auditlog", registry={"auditlog": contains})
    assert found(settings) == []

    registry.append(model)

    assert found(settings) == [
        warning("auditlog", 'AUDITLOG_EXCLUDE_TRACKING_MODELS = ["layer_identity"]')
    ]


@pytest.mark.parametrize(
    ("watches", "audited", "warned"),
    [(True, LayerUser, True), (True, str, False), (False, LayerUser, False)],
)
def test_a_model_audited_by_easyaudit_is_reported(
    settings, install, watches, audited, warned
):
    model_signals = {"should_audit": lambda row: isinstance(row, audited)}
    install(
        "easyaudit",
        settings={"WATCH_MODEL_EVENTS": watches},
        **{"signals.model_signals": model_signals},
    )
    remedy = (
        "DJANGO_EASY_AUDIT_UNREGISTERED_CLASSES_EXTRA = "
        '["layer_identity.SigningKey", "layer_identity.LayerUser"]'
    )

    assert found(settings) == ([warning("easyaudit", remedy)] if warned else [])


def test_an_admin_with_exports_is_reported(settings, install, monkeypatch):
    install("import_export")
    assert found(settings) == []

    exporting = SimpleNamespace(resource_classes=[])
    monkeypatch.setitem(admin.site._registry, SigningKey, exporting)

    assert found(settings) == [warning("import_export")]


def test_a_model_with_events_is_reported(settings, install, monkeypatch):
    install("pghistory")
    assert found(settings) == []

    event = SimpleNamespace(pgh_tracked_model=SigningKey)
    monkeypatch.setattr(apps, "get_models", lambda: [LayerUser, event])

    assert found(settings) == [warning("pghistory")]


@pytest.mark.parametrize("registered", [True, False])
def test_a_model_with_versions_is_reported(settings, install, registered):
    install("reversion", reversion={"is_registered": lambda model: registered})

    assert found(settings) == ([warning("reversion")] if registered else [])


def test_a_model_with_a_history_is_reported(settings, install, monkeypatch):
    install("simple_history")
    assert found(settings) == []

    name = "simple_history_manager_attribute"
    monkeypatch.setattr(SigningKey._meta, name, "history", raising=False)

    assert found(settings) == [warning("simple_history")]


def test_models_registered_with_a_package_that_is_not_installed_are_ignored(
    settings, monkeypatch
):
    name = "simple_history_manager_attribute"
    monkeypatch.setattr(SigningKey._meta, name, "history", raising=False)

    assert found(settings) == []
