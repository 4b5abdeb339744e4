"""The project for the fuzzers: one user, one app, an active key, no throttles."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User
from django.core.wsgi import get_wsgi_application
from django.test import override_settings
from rest_framework.authtoken.models import Token

from django_layer_identity import keyring
from django_layer_identity.models import LayerApp, SigningKey
from tests.conftest import APP_ID, KEY_ID, PROVIDER_ID
from tests.server.process import identity


@dataclass
class Project:
    """What a fuzzer needs to send authenticated requests."""

    application: object
    authorization: str
    key: SigningKey


@contextmanager
def project():
    """Set up the project."""
    apps = [*settings.INSTALLED_APPS, "drf_spectacular"]
    auto = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}
    app = LayerApp.objects.create(name="M", app_id=APP_ID, provider_id=PROVIDER_ID)
    key = keyring.generate_private_key(app, key_id=KEY_ID, activate=True)
    user = User.objects.create(username="alice", first_name="Alice")
    token = Token.objects.create(user=user)
    with override_settings(
        ALLOWED_HOSTS=["*"],
        INSTALLED_APPS=apps,
        LAYER_IDENTITY=identity(),
        REST_FRAMEWORK=auto,
    ):
        yield Project(get_wsgi_application(), f"Token {token.key}", key)
