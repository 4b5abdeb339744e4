"""The rows of the project that is measured."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.test import Client
from rest_framework.authtoken.models import Token

from django_layer_identity.models import LayerApp, SigningKey
from tests.benchmarks.names import APP_ID, KEY_ID, PRIMARY_KEY, PROVIDER_ID, USERNAME
from tests.key_pairs import load_private_key


def create_rows():
    """Create an app with an active key, and a user; return the headers of two logins."""
    app = LayerApp.objects.create(name="M", app_id=APP_ID, provider_id=PROVIDER_ID)
    key = SigningKey.from_private_key(app, load_private_key("first"), key_id=KEY_ID)
    key.save()
    key.activate()
    user = User.objects.create_user(
        USERNAME, first_name="Alice", last_name="Liddell", email="alice@example.com"
    )
    assert {app.pk, key.pk, user.pk} == {PRIMARY_KEY}
    client = Client()
    client.force_login(user)
    return {
        "token": {"Authorization": f"Token {Token.objects.create(user=user).key}"},
        "session": {"Cookie": client.cookies.output(header="", attrs=[]).strip()},
    }
