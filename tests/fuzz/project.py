"""A project to be fuzzed: one user, one app, an active key, no throttles."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from django.conf import settings
from django.contrib.auth.models import User
from django.core.signals import request_started
from django.core.wsgi import get_wsgi_application
from django.test import override_settings
from rest_framework.authtoken.models import Token

from django_layer_identity.models import LayerApp, SigningKey
from tests.conftest import APP_ID, KEY_ID, PROVIDER_ID
from tests.server.process import identity

ENDPOINT = Path(__file__).parents[2] / "docs/endpoint.rst"


@dataclass
class Project:
    """What a fuzzer needs to get in."""

    application: object
    authorization: str
    key: SigningKey


@contextmanager
def project():
    """Set the project up, with the receiver that the documentation recommends."""
    apps = [*settings.INSTALLED_APPS, "drf_spectacular"]
    auto = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}
    app = LayerApp.objects.create(name="M", app_id=APP_ID, provider_id=PROVIDER_ID)
    key = SigningKey.objects.generate(app, key_id=KEY_ID, activate=True)
    user = User.objects.create(username="alice", first_name="Alice")
    token = Token.objects.create(user=user)
    with (
        override_settings(
            ALLOWED_HOSTS=["*"],
            INSTALLED_APPS=apps,
            LAYER_IDENTITY=identity(),
            REST_FRAMEWORK=auto,
        ),
        recommended_receiver(),
    ):
        yield Project(get_wsgi_application(), f"Token {token.key}", key)


@contextmanager
def recommended_receiver():
    """Connect the receiver that the documentation shows."""
    page = ENDPOINT.read_text()
    shown = re.search(r"^   import re\n.+?(?=^\S)", page, re.MULTILINE | re.DOTALL)[0]
    names = {}
    exec(dedent(shown), names)  # noqa: S102
    try:
        yield
    finally:
        request_started.disconnect(names["mend_request"])
