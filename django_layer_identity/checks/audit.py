"""The audit trail: what is there in part."""

from __future__ import annotations

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Warning

MIDDLEWARE = "django_layer_identity.audit.addresses.RecordAddressMiddleware"


def _addresses_have_a_trail() -> list[CheckMessage]:
    if MIDDLEWARE not in settings.MIDDLEWARE or apps.is_installed(
        "django_layer_identity.audit"
    ):
        return []
    return [
        Warning(
            "RecordAddressMiddleware notes addresses for an audit trail that is not "
            "installed.",
            hint="Add django_layer_identity.audit to INSTALLED_APPS.",
            id="layer_identity.W050",
        )
    ]


DEPLOYMENT_RULES = (_addresses_have_a_trail,)
