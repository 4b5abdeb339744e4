"""A project in one file: check it, migrate it, and issue a token that the sandbox accepts."""

from __future__ import annotations

import platform
import sys
from io import StringIO
from uuid import uuid4

import django
from django.conf import settings
from django.core.management import call_command

settings.configure(
    SECRET_KEY="x",
    ROOT_URLCONF="__main__",
    ALLOWED_HOSTS=["testserver"],
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "rest_framework",
        "django_layer_identity",
        "django_layer_identity.sandbox",
        "django_layer_identity.audit",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db"}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    LAYER_IDENTITY={
        "KEY_ENCRYPTION_KEYS": ["an entry for this check with 32 characters or more"],
        "SANDBOX": True,
    },
)
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import include, path  # noqa: E402

import django_layer_identity  # noqa: E402

urlpatterns = [
    path("layer/", include("django_layer_identity.urls")),
    path("sandbox/", include("django_layer_identity.sandbox.urls")),
]
ACCEPT = "application/vnd.layer+json; version=2.0"


def prepare() -> str:
    """Create the tables, a Layer app and its key; return the app ID."""
    call_command("makemigrations", check=True, dry_run=True)
    call_command("migrate", verbosity=0)
    app_id = str(uuid4())
    quiet = {"stdout": StringIO(), "stderr": StringIO()}
    create = {"name": "Messenger", "app_id": app_id, "provider_id": str(uuid4())}
    call_command("layer_app_create", **create, **quiet)
    call_command("layer_key_generate", key_id=str(uuid4()), activate=True, **quiet)
    call_command("check", databases=["default"], fail_level="WARNING")
    return app_id


def sign_in(app_id: str) -> int:
    """Return the sandbox's status for a token of the endpoint."""
    client = Client(headers={"accept": ACCEPT})
    client.force_login(User.objects.create_user("alice"))
    nonce = client.post("/sandbox/nonces").json()["nonce"]
    issued = client.post(
        "/layer/authenticate",
        {"nonce": nonce},
        content_type="application/json",
        headers={"accept": "application/json"},
    )
    assert issued.status_code == 200, issued.content
    session = {"identity_token": issued.json()["identity_token"], "app_id": app_id}
    return client.post(
        "/sandbox/sessions", session, content_type="application/json"
    ).status_code


if __name__ == "__main__":
    assert "site-packages" in django_layer_identity.__file__
    assert sign_in(prepare()) == 201
    versions = f"Python {platform.python_version()}, Django {django.get_version()}"
    sys.stdout.write(f"{versions}: the sandbox accepts a token of the installed wheel.\n")
