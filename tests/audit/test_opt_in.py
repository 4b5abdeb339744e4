"""A project without the audit trail."""

from __future__ import annotations

import subprocess
import sys

from tests.fresh import CHECKOUT, environment

CODE = """
import sys

import django
from django.conf import settings

from tests.settings import INSTALLED_APPS

left_out = "tests.audit.apps.SilentAuditConfig"
settings.configure(
    INSTALLED_APPS=[name for name in INSTALLED_APPS if name != left_out],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    ROOT_URLCONF="tests.urls",
)
django.setup()

from django.contrib import admin

print(sorted(model._meta.label for model in admin.site._registry
    if model.__module__.startswith("django_layer_identity")))
print([name for name in sys.modules if name.startswith("django_layer_identity.audit")])
"""


def test_a_project_without_the_audit_trail_has_the_other_pages(tmp_path):
    printed = subprocess.run(
        [sys.executable, "-W", "error", "-c", CODE],
        cwd=CHECKOUT,
        env=environment(),
        check=True,
        capture_output=True,
        text=True,
    ).stdout

    assert printed.splitlines() == [
        "['layer_identity.LayerApp', 'layer_identity.LayerUser', "
        "'layer_identity.SigningKey']",
        "[]",
    ]
