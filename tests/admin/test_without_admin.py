"""A project without Django's admin can use templates."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "rest_framework",
        "django_layer_identity",
    ],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
)
django.setup()

from django.template import engines

print(engines["django"].from_string("{% load i18n %}rendered").render())
"""


def test_a_project_without_the_admin_can_render_a_template():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, check=False, text=True
    )

    assert (done.stdout, done.returncode) == ("rendered\n", 0), done.stderr
