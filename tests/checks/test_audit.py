from __future__ import annotations

from django.core.checks import Warning

from django_layer_identity.checks.audit import MIDDLEWARE
from tests.checks import deployed

NO_TRAIL = Warning(
    "RecordAddressMiddleware notes addresses for an audit trail that is not installed.",
    hint="Add django_layer_identity.audit to INSTALLED_APPS.",
    id="layer_identity.W050",
)


def without_audit(settings):
    return [name for name in settings.INSTALLED_APPS if "audit" not in name]


def test_addresses_without_a_trail_are_pointed_out(settings):
    settings.MIDDLEWARE = [MIDDLEWARE]
    settings.INSTALLED_APPS = without_audit(settings)

    assert deployed(settings) == [NO_TRAIL]


def test_addresses_with_a_trail_are_fine(settings):
    settings.MIDDLEWARE = [MIDDLEWARE]

    assert deployed(settings) == []


def test_neither_is_fine_too(settings):
    settings.INSTALLED_APPS = without_audit(settings)

    assert deployed(settings) == []
